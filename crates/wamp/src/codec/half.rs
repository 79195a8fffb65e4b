//! Floats of 16 bits (IEEE 754 binary16).

/// The number that 16 bits stand for.
pub(crate) fn to_f64(half: u16) -> f64 {
    let exponent = i32::from(half >> 10 & 0x1f);
    let fraction = f64::from(half & 0x3ff);
    let value = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if half >> 15 == 1 { -value } else { value }
}

/// The 16 bits that stand for exactly this number, if there are any. All NaN are one.
pub(crate) fn from_f32(value: f32) -> Option<u16> {
    if value.is_nan() {
        return Some(0x7e00);
    }
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (bits >> 23 & 0xff) as i32 - 127;
    let fraction = bits & 0x7f_ffff;
    let half = match exponent {
        -127 if fraction == 0 => 0,
        128 => 0x7c00,
        -14..=15 if fraction & 0x1fff == 0 => ((exponent + 15) as u16) << 10 | (fraction >> 13) as u16,
        -24..=-15 => {
            // Below the smallest exponent the leading one is written out.
            let (shift, whole) = (-exponent - 1, fraction | 0x80_0000);
            if whole & ((1 << shift) - 1) != 0 {
                return None;
            }
            (whole >> shift) as u16
        }
        _ => return None,
    };
    Some(sign | half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_when_widened_come_back() {
        for half in 0..=u16::MAX {
            let wide = to_f64(half);
            if wide.is_nan() {
                assert_eq!(from_f32(wide as f32), Some(0x7e00));
            } else {
                assert_eq!(from_f32(wide as f32), Some(half), "{half:04x} {wide}");
            }
        }
    }

    #[test]
    fn floats_when_known_are_these() {
        // RFC 8949, appendix A.
        for (half, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0x3e00, 1.5),
            (0x7bff, 65504.0),
            (0x0001, 5.960464477539063e-8),
            (0x0400, 0.00006103515625),
            (0xc400, -4.0),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(to_f64(half), value);
        }
        for value in [65505.0, 65536.0, 1e-8, 0.1, 3.4e38, 1e-45] {
            assert_eq!(from_f32(value), None, "{value}");
        }
    }
}
