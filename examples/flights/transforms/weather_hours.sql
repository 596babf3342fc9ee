-- The newest finished weather hour at each airport, for every hour that can ask. Key: origin, as_of.
-- A row of weather speaks from the end of its hour until the next one ends, for six hours at most: some
-- hours are missing. All instants are UTC, so the hour that November has twice is two rows.
WITH spans AS (
    SELECT *, LEAD(ended_at) OVER (PARTITION BY origin ORDER BY ended_at) AS next_ended_at
    FROM weather
), hours AS (
    SELECT *, UNNEST(generate_series(
        ended_at,
        LEAST(next_ended_at, ended_at + INTERVAL 6 HOUR) - INTERVAL 1 HOUR,
        INTERVAL 1 HOUR)) AS as_of
    FROM spans
)
SELECT
    origin, as_of,
    temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib,
    CAST((epoch_ms(as_of) - epoch_ms(ended_at)) // 3600000 AS INTEGER) AS hours_old   -- date_diff counts on a local clock
FROM hours
