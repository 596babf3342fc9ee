-- One row per flight: what is known an hour before it is to leave, and, for training, whether it came late.
-- A query on the row of the flight: all else is found by equal keys, so a request passes it as a flight of the past did.
-- Each history is looked up on its own and joined by flight_id: in one chain, DuckDB would hash the whole history for one request.
WITH asked AS (
    SELECT *,
           scheduled_at - INTERVAL 1 HOUR AS as_of,
           CAST((scheduled_at - INTERVAL 1 HOUR) AT TIME ZONE 'America/New_York' AS DATE) AS today,
           scheduled_at AT TIME ZONE 'America/New_York' AS leaves   -- on the clock in New York
    FROM flights
), the_weather AS (
    SELECT flight_id, h.* EXCLUDE (origin, as_of)
    FROM asked JOIN weather_hours h ON h.origin = asked.origin AND h.as_of = time_bucket(INTERVAL 1 HOUR, asked.as_of)
), the_airport AS (
    SELECT flight_id, h.* EXCLUDE (origin, as_of)
    FROM asked JOIN airport_history h ON h.origin = asked.origin AND h.as_of = time_bucket(INTERVAL 15 MINUTE, asked.as_of)
), the_plane AS (
    SELECT flight_id,
           LIST_FILTER(h.departures, lambda d: d.known_at <= asked.as_of) AS left_today,
           LIST_FILTER(left_today, lambda d: d.arrived_at <= asked.as_of) AS landed_today
    FROM asked JOIN plane_days h ON h.tailnum = asked.tailnum AND h.day = asked.today
)
SELECT
    flight_id,
    asked.scheduled_at,

    -- Cancelled: it never arrives, so there is no label. Diverted: it left, it has no arr_delay, it is late.
    CASE WHEN asked.departed_at IS NOT NULL THEN COALESCE(asked.arr_delay > 15, true) END AS is_late,

    airlines.name AS airline,
    asked.origin,
    asked.dest,
    asked.distance,
    airports.lat AS dest_lat,
    airports.lon AS dest_lon,
    CAST(hour(leaves) AS INTEGER) AS hour,
    CAST(isodow(leaves) AS INTEGER) AS weekday,
    -- sched_arr_time is on the clock of the destination, so the departure has to be, too
    CAST((sched_arr_time // 100 * 60 + sched_arr_time % 100
          - hour(scheduled_at AT TIME ZONE airports.tzone) * 60
          - minute(scheduled_at AT TIME ZONE airports.tzone) + 1440) % 1440 AS INTEGER) AS scheduled_minutes,

    CAST(year(leaves) - planes.year AS INTEGER) AS plane_age,
    planes.type AS plane_type,
    planes.manufacturer AS plane_maker,
    planes.seats AS plane_seats,

    the_weather.temp, the_weather.dewp, the_weather.humid,
    the_weather.wind_dir, the_weather.wind_speed, the_weather.wind_gust,
    the_weather.precip, the_weather.pressure, the_weather.visib,
    the_weather.hours_old AS weather_age,

    -- the airport so far today
    the_airport.departed AS airport_departures,
    the_airport.planned - the_airport.departed AS airport_waiting,   -- should have left by now: late, or cancelled
    the_airport.dep_delay / NULLIF(the_airport.departed, 0) AS airport_dep_delay,
    the_airport.dep_delay_1h / NULLIF(the_airport.departed_1h, 0) AS airport_dep_delay_1h,
    the_airport.late / NULLIF(the_airport.arrived, 0) AS airport_late_share,

    -- the plane so far today; a day with no flight at all must look like one whose first flight is yet to come, hence 0
    CAST(COALESCE(LEN(left_today), 0) AS INTEGER) AS plane_departures,
    CAST(COALESCE(LEN(left_today) - LEN(landed_today), 0) AS INTEGER) AS plane_in_air,
    left_today[-1].dep_delay AS plane_dep_delay,
    landed_today[-1].arr_delay AS plane_arr_delay,
    CAST((epoch_ms(as_of) - epoch_ms(left_today[-1].departed_at)) // 60000 AS INTEGER) AS plane_minutes_ago
FROM asked
LEFT JOIN airlines ON airlines.carrier = asked.carrier
LEFT JOIN airports ON airports.faa = asked.dest
LEFT JOIN planes ON planes.tailnum = asked.tailnum
LEFT JOIN the_weather USING (flight_id)
LEFT JOIN the_airport USING (flight_id)
LEFT JOIN the_plane USING (flight_id)
