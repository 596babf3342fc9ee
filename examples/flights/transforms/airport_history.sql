-- How the day has gone at each airport so far, for every quarter of an hour. Key: origin, as_of.
-- A row holds only what became known before its as_of: the schedule from scheduled_at on, how late a flight left
-- from departed_at, how late it arrived from arrived_at. Counts and minutes are whole numbers: no run differs in a bit.
WITH news AS (
    SELECT origin, scheduled_at, scheduled_at AS known_at,
           1 AS planned, 0 AS departed, 0 AS dep_delay, 0 AS arrived, 0 AS late
    FROM flights
    UNION ALL   -- who leaves early is news only when the row begins to exist
    SELECT origin, scheduled_at, GREATEST(departed_at, scheduled_at), 0, 1, dep_delay, 0, 0
    FROM flights WHERE departed_at IS NOT NULL
    UNION ALL   -- diverted flights (no arr_delay) count as late
    SELECT origin, scheduled_at, GREATEST(arrived_at, scheduled_at), 0, 0, 0,
           1, CAST(COALESCE(arr_delay > 15, true) AS INTEGER)
    FROM flights WHERE arrived_at IS NOT NULL
), quarters AS (
    SELECT origin,
           CAST(scheduled_at AT TIME ZONE 'America/New_York' AS DATE) AS day,
           time_bucket(INTERVAL 15 MINUTE, known_at) + INTERVAL 15 MINUTE AS as_of,
           SUM(planned) AS planned, SUM(departed) AS departed, SUM(dep_delay) AS dep_delay,
           SUM(arrived) AS arrived, SUM(late) AS late
    FROM news GROUP BY ALL
), days AS (   -- every quarter from the first news to midnight; the day of the clock change has 100 of them
    SELECT origin, day, UNNEST(generate_series(
        MIN(as_of),
        CAST(day + 1 AS TIMESTAMP) AT TIME ZONE 'America/New_York' - INTERVAL 15 MINUTE,
        INTERVAL 15 MINUTE)) AS as_of
    FROM quarters GROUP BY origin, day
)
SELECT
    origin, as_of,
    CAST(SUM(planned) OVER so_far AS INTEGER) AS planned,
    CAST(SUM(departed) OVER so_far AS INTEGER) AS departed,
    CAST(SUM(dep_delay) OVER so_far AS INTEGER) AS dep_delay,
    CAST(SUM(arrived) OVER so_far AS INTEGER) AS arrived,
    CAST(SUM(late) OVER so_far AS INTEGER) AS late,
    CAST(SUM(departed) OVER last_hour AS INTEGER) AS departed_1h,
    CAST(SUM(dep_delay) OVER last_hour AS INTEGER) AS dep_delay_1h
FROM days LEFT JOIN quarters USING (origin, day, as_of)
WINDOW
    so_far AS (PARTITION BY origin, day ORDER BY as_of),
    last_hour AS (PARTITION BY origin, day ORDER BY as_of ROWS 3 PRECEDING)
