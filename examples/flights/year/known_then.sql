-- Every flight with what was known of it an hour before it was to leave, by the transforms of the example (../transforms, whose rows are proved to know
-- nothing earlier), and how it ended. asked: when it is asked about. known: when its outcome was; of a flight that never arrived, half a day after it
-- left or was to leave.
SELECT
    epoch_ms(f.scheduled_at - INTERVAL 1 HOUR) // 1000 AS asked,
    epoch_ms(GREATEST(f.scheduled_at, COALESCE(f.arrived_at, COALESCE(f.departed_at, f.scheduled_at) + INTERVAL 12 HOUR))) // 1000 AS known,
    t.is_late,
    f.flight_id,
    strftime(timezone('UTC', f.scheduled_at), '%Y-%m-%dT%H:%M:%SZ') AS scheduled_at,
    f.sched_arr_time, f.carrier, f.tailnum, f.origin, f.dest, f.distance,
    t.temp, t.dewp, t.humid, t.wind_dir, t.wind_speed, t.wind_gust, t.precip, t.pressure, t.visib, t.weather_age,
    t.airport_departures, t.airport_waiting, t.airport_dep_delay, t.airport_dep_delay_1h, t.airport_late_share,
    t.plane_departures, t.plane_in_air, t.plane_dep_delay, t.plane_arr_delay, t.plane_minutes_ago,
    strftime(timezone('UTC', f.departed_at), '%Y-%m-%dT%H:%M:%SZ') AS departed_at,
    f.arr_delay,
    strftime(timezone('UTC', f.arrived_at), '%Y-%m-%dT%H:%M:%SZ') AS arrived_at
FROM features t JOIN flights f USING (flight_id)
WHERE epoch_ms(f.scheduled_at - INTERVAL 1 HOUR) // 1000 < {until}
ORDER BY asked, flight_id
