//! Points in time as Langfuse reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const END_OF_9999: u64 = 253_402_300_799;

/// `2026-11-22T08:00:00.123456Z`: ISO 8601, UTC, microseconds. Times before 1970 become 1970, those
/// after 9999, whose years ISO 8601 writes in another way, the end of it.
pub(crate) fn iso8601(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = since.min(Duration::new(END_OF_9999, 999_999_000));
    let (year, month, day) = civil_date(since.as_secs() / 86_400);
    let second_of_day = since.as_secs() % 86_400;
    let (hour, minute, second) = (
        second_of_day / 3600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    );
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z",
        since.subsec_micros()
    )
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar:
/// years counted from March, so that the leap day is the last of its year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const DAYS_IN_ERA: u64 = 146_097;
    let shifted = days + DAYS_TO_1970;
    let era = shifted / DAYS_IN_ERA;
    let day_of_era = shifted % DAYS_IN_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days_and_year_ends() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
            (END_OF_9999, "9999-12-31T23:59:59.000000Z"),
            (END_OF_9999 + 1, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(iso8601(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(
            iso8601(UNIX_EPOCH + Duration::from_micros(1_123_456)),
            "1970-01-01T00:00:01.123456Z"
        );
    }
}
