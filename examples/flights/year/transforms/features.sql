-- One row per flight: what was delivered of it, with what the plane, the airline and the destination are; for training, whether it came late.
SELECT
    flight_id,
    scheduled_at,

    -- Cancelled: no label. Diverted: it left, it has no arr_delay, it is late.
    CASE WHEN departed_at IS NOT NULL THEN COALESCE(arr_delay > 15, true) END AS is_late,

    airlines.name AS airline,
    origin,
    dest,
    distance,
    airports.lat AS dest_lat,
    airports.lon AS dest_lon,
    CAST(hour(scheduled_at AT TIME ZONE 'America/New_York') AS INTEGER) AS hour,
    CAST(isodow(scheduled_at AT TIME ZONE 'America/New_York') AS INTEGER) AS weekday,
    -- sched_arr_time is on the clock of the destination, so the departure has to be, too
    CAST((sched_arr_time // 100 * 60 + sched_arr_time % 100
          - hour(scheduled_at AT TIME ZONE airports.tzone) * 60
          - minute(scheduled_at AT TIME ZONE airports.tzone) + 1440) % 1440 AS INTEGER) AS scheduled_minutes,

    CAST(year(scheduled_at AT TIME ZONE 'America/New_York') - planes.year AS INTEGER) AS plane_age,
    planes.type AS plane_type,
    planes.manufacturer AS plane_maker,
    planes.seats AS plane_seats,

    temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib, weather_age,
    airport_departures, airport_waiting, airport_dep_delay, airport_dep_delay_1h, airport_late_share,
    plane_departures, plane_in_air, plane_dep_delay, plane_arr_delay, plane_minutes_ago
FROM flights
LEFT JOIN airlines ON airlines.carrier = flights.carrier
LEFT JOIN airports ON airports.faa = flights.dest
LEFT JOIN planes ON planes.tailnum = flights.tailnum
