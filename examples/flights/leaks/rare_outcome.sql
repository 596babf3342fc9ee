-- A planted leak that hides well: how late the plane's earlier flight of the day arrived, even if it is still in the air.
-- Most rows have no earlier flight and most earlier flights have landed, so a small sample of rows can miss it.
SELECT features.*, LAG(flights.arr_delay) OVER (PARTITION BY flights.tailnum, flights.year, flights.month, flights.day
                                                ORDER BY flights.scheduled_at, flights.flight_id) AS leak
FROM features JOIN flights USING (flight_id)
