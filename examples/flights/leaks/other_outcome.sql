-- A planted leak: how late the flights of the same airport and hour left, most of which had not left yet when the
-- prediction was due. Copied to transforms/leaky.sql, with `from: leaky` in models.late, it must make point_in_time fail.
SELECT features.*, SUM(flights.dep_delay) OVER (PARTITION BY flights.origin, flights.time_hour) AS leak
FROM features JOIN flights USING (flight_id)
