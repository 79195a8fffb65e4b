//! A tree over the components of wildcard patterns. At each component a look-up goes on with the patterns that have this
//! component and with those that have none there, and so sees only patterns that match as far as it has come.

use std::collections::HashMap;

use ahash::RandomState;

/// Wildcard patterns and what stands under them.
pub(super) struct WildcardTree<T> {
    nodes: Vec<Node<T>>,
    /// Places in `nodes` to be used again.
    free: Vec<u32>,
    /// One hasher for all nodes: components come from peers.
    keys: RandomState,
}

struct Node<T> {
    value: Option<T>,
    parent: u32,
    /// The component between the parent and this node; empty for any.
    label: Box<[u8]>,
    /// Where the pattern takes any component.
    any: Option<u32>,
    literal: HashMap<Box<[u8]>, u32, RandomState>,
}

const ROOT: u32 = 0;

fn components(uri: &[u8]) -> impl Iterator<Item = &[u8]> {
    uri.split(|byte| *byte == b'.')
}

impl<T> WildcardTree<T> {
    pub(super) fn new() -> Self {
        let keys = RandomState::new();
        let root = Node {
            value: None,
            parent: ROOT,
            label: Box::default(),
            any: None,
            literal: HashMap::with_hasher(keys.clone()),
        };
        WildcardTree { nodes: vec![root], free: Vec::new(), keys }
    }

    fn find(&self, pattern: &[u8]) -> Option<u32> {
        components(pattern).try_fold(ROOT, |at, component| self.node(at)?.child(component))
    }

    pub(super) fn get(&self, pattern: &[u8]) -> Option<&T> {
        self.node(self.find(pattern)?)?.value.as_ref()
    }

    /// Puts a value under a pattern; what was there before.
    pub(super) fn insert(&mut self, pattern: &[u8], value: T) -> Option<T> {
        let mut at = ROOT;
        for component in components(pattern) {
            let next = self.node(at).and_then(|node| node.child(component));
            at = next.unwrap_or_else(|| self.grow(at, component));
        }
        self.node_mut(at).and_then(|node| node.value.replace(value))
    }

    pub(super) fn remove(&mut self, pattern: &[u8]) -> Option<T> {
        let mut at = self.find(pattern)?;
        let value = self.node_mut(at)?.value.take();
        // What has become useless goes, up to where it is of use for others.
        while at != ROOT {
            let Some(node) = self.node_mut(at) else { break };
            if node.value.is_some() || node.any.is_some() || !node.literal.is_empty() {
                break;
            }
            let (parent, label) = (node.parent, std::mem::take(&mut node.label));
            node.literal = HashMap::with_hasher(RandomState::clone(node.literal.hasher()));
            self.free.push(at);
            if let Some(parent) = self.node_mut(parent) {
                if label.is_empty() {
                    parent.any = None;
                } else {
                    parent.literal.remove(&label);
                }
            }
            at = parent;
        }
        value
    }

    /// Sees what stands under each pattern that matches a URI.
    pub(super) fn matching<'a>(&'a self, uri: &[u8], mut see: impl FnMut(&'a T)) {
        self.search(uri, |value| {
            see(value);
            false
        });
    }

    /// What stands under the pattern that matches a URI best.
    pub(super) fn best(&self, uri: &[u8]) -> Option<&T> {
        let mut best = None;
        // The first that is found: a component of its own is always tried before any.
        self.search(uri, |value| {
            best = Some(value);
            true
        });
        best
    }

    /// Finds what matches, the best first, until `enough`; how many nodes were looked at.
    fn search<'a>(&'a self, uri: &[u8], mut enough: impl FnMut(&'a T) -> bool) -> usize {
        let mut looked = 0;
        // Where to go on, with what is left of the URI there; none = at its end.
        let mut open: Vec<(u32, Option<&[u8]>)> = vec![(ROOT, Some(uri))];
        while let Some((at, rest)) = open.pop() {
            looked += 1;
            let Some(node) = self.node(at) else { continue };
            let Some(rest) = rest else {
                if node.value.as_ref().is_some_and(&mut enough) {
                    break;
                }
                continue;
            };
            let (component, rest) = match rest.iter().position(|byte| *byte == b'.') {
                Some(dot) => (rest.get(..dot).unwrap_or_default(), rest.get(dot + 1..)),
                None => (rest, None),
            };
            if component.is_empty() {
                continue;
            }
            open.extend(node.any.map(|any| (any, rest)));
            open.extend(node.literal.get(component).map(|literal| (*literal, rest)));
        }
        looked
    }

    fn grow(&mut self, parent: u32, component: &[u8]) -> u32 {
        let node = Node {
            value: None,
            parent,
            label: component.into(),
            any: None,
            literal: HashMap::with_hasher(self.keys.clone()),
        };
        let number = match self.free.pop() {
            Some(free) => {
                if let Some(place) = self.node_mut(free) {
                    *place = node;
                }
                free
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        if let Some(parent) = self.node_mut(parent) {
            if component.is_empty() {
                parent.any = Some(number);
            } else {
                parent.literal.insert(component.into(), number);
            }
        }
        number
    }

    fn node(&self, number: u32) -> Option<&Node<T>> {
        self.nodes.get(number as usize)
    }

    fn node_mut(&mut self, number: u32) -> Option<&mut Node<T>> {
        self.nodes.get_mut(number as usize)
    }
}

impl<T> Node<T> {
    /// Under a component of a pattern.
    fn child(&self, component: &[u8]) -> Option<u32> {
        if component.is_empty() { self.any } else { self.literal.get(component).copied() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::pattern::wildcard_matches;

    fn found(tree: &WildcardTree<u32>, uri: &str) -> Vec<u32> {
        let mut found = Vec::new();
        tree.matching(uri.as_bytes(), |value| found.push(*value));
        found
    }

    #[test]
    fn patterns_match_component_by_component() {
        let mut tree = WildcardTree::new();
        for (number, pattern) in ["com..x", "com.a.x", "..", "com..", "", "com.a"].iter().enumerate() {
            tree.insert(pattern.as_bytes(), number as u32);
        }
        assert_eq!(found(&tree, "com.a.x"), [1, 0, 3, 2]);
        assert_eq!(found(&tree, "com.b.x"), [0, 3, 2]);
        assert_eq!(found(&tree, "net.b.x"), [2]);
        assert!(found(&tree, "com.a.x.y").is_empty());
        assert_eq!(found(&tree, "com"), [4]);
        assert_eq!(found(&tree, "com.a"), [5]);
        assert_eq!(tree.best(b"com.b.x"), Some(&0));
        assert_eq!(tree.remove(b"com..x"), Some(0));
        assert_eq!(tree.remove(b"com..y"), None);
        assert_eq!(tree.best(b"com.b.x"), Some(&3));
    }

    #[test]
    fn nodes_seen_depend_on_the_uri_and_not_on_the_number_of_patterns() {
        let seen = |patterns: u32| {
            let mut tree = WildcardTree::new();
            for n in 0..patterns {
                tree.insert(format!("com.x{n}..topic").as_bytes(), n);
                tree.insert(format!("com..x{n}.topic").as_bytes(), n);
            }
            tree.search(b"com.x0.x0.topic", |_| false)
        };
        // The root, com, each of x0 and any, what follows them, and both ends.
        assert_eq!([seen(1), seen(1_000), seen(100_000)], [8; 3]);
    }

    #[test]
    fn long_patterns_are_neither_recursed_nor_left_behind() {
        let mut tree = WildcardTree::new();
        let long = "a.".repeat(20_000);
        tree.insert(long.as_bytes(), 1);
        assert_eq!(tree.best(format!("{long}z").as_bytes()), Some(&1));
        assert_eq!(tree.remove(long.as_bytes()), Some(1));
        assert_eq!(tree.nodes.len() - tree.free.len(), 1);
    }

    proptest! {
        #[test]
        fn tree_agrees_with_a_map(
            steps in prop::collection::vec((any::<bool>(), "(a|b|)(\\.(a|b|)){0,3}"), 1..60),
            uri in "(a|b)(\\.(a|b)){0,3}",
        ) {
            let (mut tree, mut map) = (WildcardTree::new(), BTreeMap::new());
            for (number, (insert, pattern)) in steps.into_iter().enumerate() {
                if insert {
                    let number = number as u32;
                    prop_assert_eq!(tree.insert(pattern.as_bytes(), number), map.insert(pattern, number));
                } else {
                    prop_assert_eq!(tree.remove(pattern.as_bytes()), map.remove(&pattern));
                }
            }
            let matching = |pattern: &str| wildcard_matches(pattern.as_bytes(), uri.as_bytes());
            let mut expected: Vec<(&String, u32)> =
                map.iter().filter(|(pattern, _)| matching(pattern)).map(|(p, value)| (p, *value)).collect();
            // The best first: at the first component from the left where they differ, having one wins.
            expected.sort_by_key(|(pattern, _)| {
                pattern.split('.').map(str::is_empty).collect::<Vec<bool>>()
            });
            let expected: Vec<u32> = expected.into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(found(&tree, &uri), expected.clone());
            prop_assert_eq!(tree.best(uri.as_bytes()), expected.first());
        }
    }
}
