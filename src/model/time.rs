//! The time of day, as files have it.

use std::fmt;

/// A moment, and where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wall {
    /// Milliseconds since 1970, in UTC.
    pub millis: i64,
    /// How far ahead of UTC the clocks here are, in seconds.
    pub offset: i32,
}

/// RFC 3339 §5.6, with milliseconds and the zone: `2026-11-23T01:25:33.123+01:00`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the format cannot say (a year of five digits, half a minute of offset) is cut.
        let offset = self.offset.clamp(-86_340, 86_340) / 60;
        let last = 253_402_300_799_999 - 86_400_000;
        let local =
            self.millis.clamp(-62_135_596_800_000 + 86_400_000, last) + i64::from(offset) * 60_000;
        let (day, milli) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000));
        let (year, month, day) = date(day);
        let (second, milli) = (milli / 1000, milli % 1000);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let (sign, ahead) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}\
             {sign}{:02}:{:02}",
            ahead / 60,
            ahead % 60
        )
    }
}

/// Year, month and day of so many days since 1970-01-01, in the Gregorian calendar.
pub fn date(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the day that may be missing is the last one. An era is 400
    // years, after which all repeats.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (seconds, offset, text) in [
            (0, 0, "1970-01-01T00:00:00.000+00:00"),
            (1_795_393_533, 3600, "2026-11-23T01:25:33.000+01:00"),
            (1_709_164_800, 0, "2024-02-29T00:00:00.000+00:00"),
            (951_868_799, 0, "2000-02-29T23:59:59.000+00:00"),
            (951_868_800, 0, "2000-03-01T00:00:00.000+00:00"),
            (1_709_164_800, -12_600, "2024-02-28T20:30:00.000-03:30"),
            (-1, 0, "1969-12-31T23:59:59.000+00:00"),
        ] {
            let millis = seconds * 1000;
            assert_eq!(Wall { millis, offset }.to_string(), text);
        }
        let wall = Wall {
            millis: 7,
            offset: 0,
        };
        assert!(wall.to_string().ends_with(".007+00:00"));
    }

    proptest::proptest! {
        #[test]
        fn always_of_one_form(millis: i64, offset: i32) {
            let text = Wall { millis, offset }.to_string();
            proptest::prop_assert_eq!(text.len(), 29, "{}", text);
        }
    }
}
