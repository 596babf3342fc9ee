-- What each plane did on each day, in order. Key: tailnum, day.
-- The list holds the whole day, so whoever reads it must first filter by known_at and arrived_at: the next flight
-- of the plane may not have left, an earlier one may still be in the air.
SELECT
    tailnum,
    CAST(scheduled_at AT TIME ZONE 'America/New_York' AS DATE) AS day,
    LIST_SORT(LIST({
        known_at: GREATEST(departed_at, scheduled_at),   -- who leaves early is news only when the row begins to exist
        departed_at: departed_at,
        dep_delay: dep_delay,
        arrived_at: arrived_at,
        arr_delay: arr_delay})) AS departures
FROM flights
WHERE tailnum IS NOT NULL AND departed_at IS NOT NULL
GROUP BY ALL
