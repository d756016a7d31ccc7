//! Numbered names, `worker[0-31]`, `n[001-128]`, `a[1-2]b[3-4]`, and their natural order.
//!
//! The syntax inside the brackets is that of clush's node sets: numbers and ranges joined by commas,
//! `lo-hi` or `lo-hi/step`. Leading zeros count: `[001-128]` are numbers of three digits, `[1-128]`
//! are numbers without leading zeros, and `[1,01]` are two different names. Nothing here is expanded
//! before it is asked for, so a range of any size costs nothing to parse and to match.

use std::cmp::Ordering;
use std::fmt;

/// The longest number that counts as one: longer runs of digits are text.
pub const MAX_DIGITS: usize = 18;

/// What is wrong with a range, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeError(String);

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RangeError {}

/// `lo`, `lo + step`, … up to `hi`, printed with at least `width` digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    lo: u64,
    hi: u64,
    step: u64,
    width: usize,
}

impl Span {
    fn parse(text: &str) -> Result<Self, RangeError> {
        let bad = |why: &str| {
            RangeError(format!(
                "bad range `{}`: {why}",
                super::nearest::shown(text)
            ))
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(RangeError(
                "a number is missing between the brackets".to_owned(),
            ));
        }
        let (ends, step) = match text.split_once('/') {
            Some((ends, step)) => (ends, Some(step.trim())),
            None => (text, None),
        };
        let (lo, hi) = match ends.split_once('-') {
            Some((lo, hi)) => (lo.trim(), hi.trim()),
            None => (ends.trim(), ends.trim()),
        };
        let (Some(low), Some(high)) = (number(lo), number(hi)) else {
            return Err(bad(if lo.len().max(hi.len()) > MAX_DIGITS {
                "a number has more than 18 digits"
            } else {
                "it is written `1-5`, `1-9/2` or `1,3,5-9`"
            }));
        };
        let step = match step.map(number) {
            None => 1,
            Some(Some(step)) if step > 0 => step,
            Some(_) => return Err(bad("the step after `/` is a number above 0")),
        };
        if low > high {
            return Err(bad("it ends before it starts"));
        }
        let padded = |end: &str| end.len() > 1 && end.starts_with('0');
        let width = if padded(lo) || padded(hi) {
            if lo.len() != hi.len() {
                return Err(bad(
                    "with leading zeros both ends have the same number of digits",
                ));
            }
            lo.len()
        } else {
            0
        };
        Ok(Self {
            lo: low,
            hi: high,
            step,
            width,
        })
    }

    fn count(&self) -> u64 {
        (self.hi - self.lo) / self.step + 1
    }
}

/// The value of a run of ASCII digits, if it is one.
fn number(digits: &str) -> Option<u64> {
    let short = (1..=MAX_DIGITS).contains(&digits.len());
    (short && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The numbers inside one pair of brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    spans: Vec<Span>,
    /// For each span, how many numbers there are up to its end.
    ends: Vec<u64>,
}

impl Numbers {
    /// Parses what stands between the brackets: `0-20`, `1,3,5-9`, `001-128`, `0-10/2`.
    pub fn parse(inner: &str) -> Result<Self, RangeError> {
        let spans: Vec<Span> = inner
            .split(',')
            .map(Span::parse)
            .collect::<Result<_, _>>()?;
        let mut sum = 0_u64;
        let ends = spans.iter().map(|span| {
            sum = sum.saturating_add(span.count());
            sum
        });
        Ok(Self {
            ends: ends.collect(),
            spans,
        })
    }

    /// Whether these digits, with exactly these leading zeros, are among the numbers.
    pub fn contains(&self, digits: &str) -> bool {
        let Some(n) = number(digits) else {
            return false;
        };
        let padded = digits.len() > 1 && digits.starts_with('0');
        self.spans.iter().any(|span| {
            let same_width = if span.width == 0 {
                !padded
            } else {
                digits.len() == span.width
            };
            same_width && span.lo <= n && n <= span.hi && (n - span.lo) % span.step == 0
        })
    }

    /// How many numbers there are, capped at `u64::MAX`; one that is named twice counts twice.
    pub fn count(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number at a place, from 0, as it is printed.
    pub fn get(&self, place: u64) -> Option<String> {
        let i = self.ends.partition_point(|end| *end <= place);
        let span = self.spans.get(i)?;
        let before = i
            .checked_sub(1)
            .and_then(|i| self.ends.get(i))
            .copied()
            .unwrap_or(0);
        let n = span.lo + (place - before) * span.step;
        Some(format!("{n:0width$}", width = span.width))
    }
}

/// A piece of a numbered name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that all names share.
    Text(String),
    /// The place of a number.
    Numbers(Numbers),
}

/// A family of numbered names: `worker[0-31]`. A name without brackets is a family of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    parts: Vec<Part>,
}

impl Names {
    /// A family of these parts, in order.
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts }
    }

    /// Parses text with any number of bracketed ranges in it.
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            let Some((inner, behind)) = after.split_once(']') else {
                return Err(RangeError("a `[` is not closed by `]`".to_owned()));
            };
            if before.contains(']') {
                break;
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Numbers(Numbers::parse(inner)?));
            rest = behind;
        }
        if rest.contains(']') {
            return Err(RangeError("a `]` has no `[` before it".to_owned()));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The pieces of text that all names share.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Numbers(_) => None,
        })
    }

    /// Whether there are brackets in it.
    pub fn is_range(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Numbers(_)))
    }

    /// How many names there are, capped at `u64::MAX`: look at this before asking for them.
    pub fn count(&self) -> u64 {
        self.parts.iter().fold(1, |product, part| match part {
            Part::Text(_) => product,
            Part::Numbers(numbers) => product.saturating_mul(numbers.count()),
        })
    }

    /// The names in order, the last bracket's numbers running fastest.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        (0..self.count()).map(|place| self.get(place))
    }

    /// The name at a place below [`Self::count`], from 0.
    pub fn get(&self, mut place: u64) -> String {
        let mut pieces = Vec::with_capacity(self.parts.len());
        for part in self.parts.iter().rev() {
            pieces.push(match part {
                Part::Text(text) => text.clone(),
                Part::Numbers(numbers) => {
                    let count = numbers.count().max(1);
                    let digits = numbers.get(place % count).unwrap_or_default();
                    place /= count;
                    digits
                },
            });
        }
        pieces.reverse();
        pieces.concat()
    }
}

/// A name's runs of digits and of anything else, in turn.
pub fn chunks(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let digits = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (chunk, behind) = rest.split_at_checked(end)?;
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The order in which people count: `worker2` before `worker10`. A total order: names that differ
/// only in leading zeros follow the order of their bytes.
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (chunks(a), chunks(b));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => chunk_cmp(x, y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn chunk_cmp(x: &str, y: &str) -> Ordering {
    let is_digits = |chunk: &str| chunk.starts_with(|c: char| c.is_ascii_digit());
    if is_digits(x) && is_digits(y) {
        let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
        x.len().cmp(&y.len()).then_with(|| x.cmp(y))
    } else {
        x.cmp(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<String> {
        Names::parse(text).unwrap().iter().collect()
    }

    #[test]
    fn names_in_full() {
        for (text, expected) in [
            ("master", "master"),
            ("worker[0-3]", "worker0 worker1 worker2 worker3"),
            ("n[008-011]", "n008 n009 n010 n011"),
            ("n[1,3,5-7].eu", "n1.eu n3.eu n5.eu n6.eu n7.eu"),
            ("n[0-10/5]", "n0 n5 n10"),
            ("n[1-10/4]", "n1 n5 n9"),
            ("a[1-2]b[3-4]", "a1b3 a1b4 a2b3 a2b4"),
            ("a[1-2][3-4]", "a13 a14 a23 a24"),
            ("n[1,01-02]", "n1 n01 n02"),
            ("n[ 1 - 2 , 5 ]", "n1 n2 n5"),
            ("[7-8]", "7 8"),
            ("n[00]", "n00"),
        ] {
            assert_eq!(names(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn bad_ranges() {
        for (text, part) in [
            ("n[5-1]", "ends before it starts"),
            ("n[1-", "not closed"),
            ("n[", "not closed"),
            ("n1-5]", "no `["),
            ("n]1[2]", "no `["),
            ("n[]", "number is missing"),
            ("n[1,,2]", "number is missing"),
            ("n[1-]", "written `1-5`"),
            ("n[-1]", "written `1-5`"),
            ("n[ab]", "written `1-5`"),
            ("n[1-2-3]", "written `1-5`"),
            ("n[1-5/0]", "step"),
            ("n[1-5/x]", "step"),
            ("n[01-128]", "leading zeros"),
            ("n[1-010]", "leading zeros"),
            ("n[1-9999999999999999999]", "18 digits"),
            ("n[[1]]", "written `1-5`"),
            ("n[١-٥]", "written `1-5`"),
        ] {
            let error = Names::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn huge_ranges_are_only_counted() {
        let huge = Names::parse("a[0-999999999999999999]b[0-999999999999999999]").unwrap();
        assert_eq!(huge.count(), u64::MAX);
        assert_eq!(huge.iter().next().as_deref(), Some("a0b0"));
        let numbers = Numbers::parse("0-999999999999999999").unwrap();
        assert!(numbers.contains("123456789") && !numbers.contains("0123"));
    }

    #[test]
    fn leading_zeros_count() {
        for (inner, digits, expected) in [
            ("001-128", "001", true),
            ("001-128", "1", false),
            ("001-128", "0001", false),
            ("001-128", "128", true),
            ("1-128", "001", false),
            ("1-128", "128", true),
            ("0-10/2", "4", true),
            ("0-10/2", "5", false),
            ("00-10", "0", false),
            ("00-10", "00", true),
            ("0-10", "", false),
            ("0-10", "+1", false),
        ] {
            assert_eq!(
                Numbers::parse(inner).unwrap().contains(digits),
                expected,
                "{inner} {digits}"
            );
        }
    }

    #[test]
    fn people_count_like_this() {
        let mut names = [
            "worker10", "worker2", "master", "worker1a", "worker", "worker1", "w1-10", "w1-9",
            "10", "9",
        ];
        names.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(
            names.join(" "),
            "9 10 master w1-9 w1-10 worker worker1 worker1a worker2 worker10"
        );
        assert_eq!(natural_cmp("n01", "n1"), Ordering::Less);
        assert_eq!(
            natural_cmp("n01b", "n1a"),
            Ordering::Greater,
            "zeros decide last"
        );
    }

    proptest! {
        #[test]
        fn every_name_of_a_family_is_contained(lo in 0u64..2000, more in 0u64..50, step in 1u64..9, pad in 0usize..6) {
            let hi = lo + more;
            let width = pad.max(if pad > 0 { hi.to_string().len() } else { 0 });
            let inner = format!("{lo:0width$}-{hi:0width$}/{step}");
            let numbers = Numbers::parse(&inner).unwrap();
            let all: Vec<String> = (0..numbers.count()).filter_map(|i| numbers.get(i)).collect();
            prop_assert_eq!(all.len() as u64, numbers.count());
            for n in 0..hi + 20 {
                let digits = format!("{n:0width$}");
                prop_assert_eq!(numbers.contains(&digits), all.contains(&digits), "{} {}", inner, digits);
            }
        }

        #[test]
        fn natural_order_is_total(a in "[a-b0-2-]{0,6}", b in "[a-b0-2-]{0,6}", c in "[a-b0-2-]{0,6}") {
            prop_assert_eq!(natural_cmp(&a, &b), natural_cmp(&b, &a).reverse());
            prop_assert_eq!(natural_cmp(&a, &b) == Ordering::Equal, a == b);
            if natural_cmp(&a, &b) == Ordering::Less && natural_cmp(&b, &c) == Ordering::Less {
                prop_assert_eq!(natural_cmp(&a, &c), Ordering::Less);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}", ranged in "[a\\[\\]0-9,/ -]{0,16}") {
            for text in [text, ranged] {
                if let Ok(names) = Names::parse(&text) {
                    prop_assert!(names.iter().take(5).count() > 0);
                }
                prop_assert_eq!(chunks(&text).collect::<String>(), text);
            }
        }
    }
}
