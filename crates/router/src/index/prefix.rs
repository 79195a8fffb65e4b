//! A radix tree over the bytes of prefixes. Its nodes stand in one list and nothing recurses, so that no prefix is too
//! long for it.

/// Prefixes and what stands under them.
pub(super) struct PrefixTree<T> {
    nodes: Vec<Node<T>>,
    /// Places in `nodes` to be used again.
    free: Vec<u32>,
}

struct Node<T> {
    /// The bytes between the parent and this node.
    label: Box<[u8]>,
    value: Option<T>,
    parent: u32,
    /// By the first byte of their labels, which all differ.
    children: Vec<(u8, u32)>,
}

const ROOT: u32 = 0;

impl<T> Node<T> {
    fn new(label: &[u8], parent: u32) -> Self {
        Node { label: label.into(), value: None, parent, children: Vec::new() }
    }

    fn child(&self, byte: u8) -> Option<u32> {
        let at = self.children.binary_search_by_key(&byte, |(first, _)| *first).ok()?;
        self.children.get(at).map(|(_, child)| *child)
    }

    fn set_child(&mut self, byte: u8, child: u32) {
        match self.children.binary_search_by_key(&byte, |(first, _)| *first) {
            Ok(at) => {
                if let Some(place) = self.children.get_mut(at) {
                    place.1 = child;
                }
            }
            Err(at) => self.children.insert(at, (byte, child)),
        }
    }

    fn remove_child(&mut self, byte: u8) {
        if let Ok(at) = self.children.binary_search_by_key(&byte, |(first, _)| *first) {
            self.children.remove(at);
        }
    }
}

impl<T> PrefixTree<T> {
    pub(super) fn new() -> Self {
        PrefixTree { nodes: vec![Node::new(b"", ROOT)], free: Vec::new() }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&T> {
        let mut found = None;
        self.walk(key, |node, rest| {
            if rest.is_empty() {
                found = node.value.as_ref();
            }
        });
        found
    }

    /// Sees what stands under each prefix of a key, the shortest first.
    pub(super) fn matching<'a>(&'a self, key: &[u8], mut see: impl FnMut(&'a T)) {
        self.walk(key, |node, _| node.value.iter().for_each(&mut see));
    }

    /// What stands under the longest prefix of a key.
    pub(super) fn longest(&self, key: &[u8]) -> Option<&T> {
        let mut longest = None;
        self.matching(key, |value| longest = Some(value));
        longest
    }

    /// Puts a value under a key; what was there before.
    pub(super) fn insert(&mut self, key: &[u8], value: T) -> Option<T> {
        let mut at = ROOT;
        let mut rest = key;
        while let Some(first) = rest.first() {
            let Some(next) = self.node(at).and_then(|node| node.child(*first)) else {
                let leaf = self.add(Node::new(rest, at));
                self.link(at, *first, leaf);
                at = leaf;
                break;
            };
            let common = self.node(next).map_or(0, |node| common(&node.label, rest));
            at = self.split(next, common);
            rest = rest.get(common..).unwrap_or_default();
        }
        self.node_mut(at).and_then(|node| node.value.replace(value))
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<T> {
        let mut at = None;
        self.walk_numbers(key, |number, rest| {
            if rest.is_empty() {
                at = Some(number);
            }
        });
        let at = at?;
        let value = self.node_mut(at)?.value.take()?;
        let parent = self.node(at)?.parent;
        self.tidy(at);
        self.tidy(parent);
        Some(value)
    }

    /// Takes a node without value out, where it has no more than one child.
    fn tidy(&mut self, at: u32) {
        let Some(node) = self.node(at) else { return };
        if at == ROOT || node.value.is_some() || node.children.len() > 1 {
            return;
        }
        let (parent, first) = (node.parent, node.label.first().copied().unwrap_or_default());
        match node.children.first().copied() {
            None => {
                if let Some(parent) = self.node_mut(parent) {
                    parent.remove_child(first);
                }
            }
            Some((_, child)) => {
                let label = [&*node.label, self.node(child).map_or(&[][..], |child| &child.label)].concat();
                if let Some(child) = self.node_mut(child) {
                    child.label = label.into();
                    child.parent = parent;
                }
                self.link(parent, first, child);
            }
        }
        if let Some(node) = self.node_mut(at) {
            *node = Node::new(b"", ROOT);
        }
        self.free.push(at);
    }

    /// The node that ends after `len` bytes of this node's label; it is made where there is none.
    fn split(&mut self, at: u32, len: usize) -> u32 {
        let Some(node) = self.node(at) else { return at };
        let parent = node.parent;
        let (Some(head), Some(tail)) = (node.label.get(..len), node.label.get(len..)) else { return at };
        let (Some(first), Some(second)) = (head.first().copied(), tail.first().copied()) else { return at };
        let (head, tail): (Box<[u8]>, Box<[u8]>) = (head.into(), tail.into());
        let middle = self.add(Node::new(&head, parent));
        self.link(parent, first, middle);
        self.link(middle, second, at);
        if let Some(node) = self.node_mut(at) {
            node.label = tail;
            node.parent = middle;
        }
        middle
    }

    fn link(&mut self, parent: u32, byte: u8, child: u32) {
        if let Some(parent) = self.node_mut(parent) {
            parent.set_child(byte, child);
        }
    }

    fn add(&mut self, node: Node<T>) -> u32 {
        if let Some(free) = self.free.pop()
            && let Some(place) = self.nodes.get_mut(free as usize)
        {
            *place = node;
            return free;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    fn node(&self, number: u32) -> Option<&Node<T>> {
        self.nodes.get(number as usize)
    }

    fn node_mut(&mut self, number: u32) -> Option<&mut Node<T>> {
        self.nodes.get_mut(number as usize)
    }

    /// Goes down along a key: each node whose whole way is in it, with what is left of the key there.
    fn walk<'a>(&'a self, key: &[u8], mut see: impl FnMut(&'a Node<T>, &[u8])) {
        self.walk_numbers(key, |number, rest| {
            if let Some(node) = self.node(number) {
                see(node, rest);
            }
        });
    }

    fn walk_numbers(&self, key: &[u8], mut see: impl FnMut(u32, &[u8])) {
        let (mut at, mut rest) = (ROOT, key);
        loop {
            see(at, rest);
            let next = rest.first().and_then(|first| self.node(at)?.child(*first));
            let Some(next) = next else { return };
            let Some(left) = self.node(next).and_then(|node| rest.strip_prefix(&*node.label)) else { return };
            (at, rest) = (next, left);
        }
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn found(tree: &PrefixTree<u32>, key: &str) -> Vec<u32> {
        let mut found = Vec::new();
        tree.matching(key.as_bytes(), |value| found.push(*value));
        found
    }

    #[test]
    fn prefixes_are_found_shortest_first_and_textually() {
        let mut tree = PrefixTree::new();
        for (number, prefix) in ["com.a.emerg", "", "com.", "com.a", "com.b", "net"].iter().enumerate() {
            assert_eq!(tree.insert(prefix.as_bytes(), number as u32), None);
        }
        assert_eq!(found(&tree, "com.a.emergency.x"), [1, 2, 3, 0]);
        assert_eq!(found(&tree, "com.a.emerg"), [1, 2, 3, 0]);
        assert_eq!(found(&tree, "com.a.emer"), [1, 2, 3]);
        assert_eq!(found(&tree, "co"), [1]);
        assert_eq!(tree.longest(b"com.abc"), Some(&3));
        assert_eq!(tree.insert(b"com.", 9), Some(2));
        assert_eq!(tree.remove(b"com"), None);
        assert_eq!(tree.remove(b"com."), Some(9));
        assert_eq!(tree.remove(b"com."), None);
        assert_eq!(found(&tree, "com.a.emerg"), [1, 3, 0]);
    }

    #[test]
    fn long_chains_of_prefixes_are_neither_recursed_nor_left_behind() {
        let mut tree = PrefixTree::new();
        let long = vec![b'a'; 2_000];
        for len in 0..long.len() {
            tree.insert(&long[..len], len as u32);
        }
        let mut all = 0;
        tree.matching(&long, |_| all += 1);
        assert_eq!(all, long.len());
        for len in 0..long.len() {
            assert_eq!(tree.remove(&long[..len]), Some(len as u32));
        }
        assert_eq!(tree.nodes.len() - tree.free.len(), 1);
    }

    #[test]
    fn nodes_seen_depend_on_the_uri_and_not_on_the_number_of_prefixes() {
        let seen = |prefixes: u32| {
            let mut tree = PrefixTree::new();
            for n in 0..prefixes {
                tree.insert(format!("com.app.{n:07}.").as_bytes(), n);
            }
            let mut seen = 0;
            tree.walk(b"com.app.0000000.topic", |_, _| seen += 1);
            seen
        };
        assert_eq!(seen(1), 2);
        // A digit more makes a node more at most.
        assert!(seen(1_000) <= 6, "{}", seen(1_000));
        assert!(seen(100_000) <= 8, "{}", seen(100_000));
    }

    proptest! {
        #[test]
        fn tree_agrees_with_a_map(
            steps in prop::collection::vec((any::<bool>(), "[ab.]{0,6}"), 1..60),
            looked in "[ab.]{0,8}",
        ) {
            let (mut tree, mut map) = (PrefixTree::new(), BTreeMap::new());
            for (number, (insert, key)) in steps.into_iter().enumerate() {
                if insert {
                    prop_assert_eq!(tree.insert(key.as_bytes(), number as u32), map.insert(key, number as u32));
                } else {
                    prop_assert_eq!(tree.remove(key.as_bytes()), map.remove(&key));
                }
            }
            for (key, value) in &map {
                prop_assert_eq!(tree.get(key.as_bytes()), Some(value));
            }
            let expected: Vec<u32> =
                map.iter().filter(|(key, _)| looked.starts_with(&***key)).map(|(_, value)| *value).collect();
            prop_assert_eq!(found(&tree, &looked), expected);
            // No more nodes than each key needs, and one where two part.
            prop_assert!(tree.nodes.len() - tree.free.len() <= 2 * map.len() + 1);
        }
    }
}
