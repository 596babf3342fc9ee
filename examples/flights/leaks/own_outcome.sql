-- A planted leak: how late the flight itself left, which nobody knows an hour before. Copied to transforms/leaky.sql,
-- with `from: leaky` in models.late, it must make point_in_time fail and name the column leak.
SELECT features.*, flights.dep_delay AS leak
FROM features JOIN flights USING (flight_id)
