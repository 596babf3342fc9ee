-- The newest finished weather hour at each airport, for every hour that can ask: key (origin, as_of).
-- A row of weather speaks from the end of its hour until the next one ends, for six hours as_of most: some
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
    date_diff('hour', ended_at, as_of) AS hours_old
FROM hours
