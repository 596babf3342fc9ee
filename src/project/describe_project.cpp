// The file itself and its environments.
#include "project/describe.hpp"

namespace tidemill::project {

using Target = Scalar::Target;

namespace {

Form parameters_form() { return map_of(identifier(), scalar(any_value()), "parameter"); }
Form connections_form(const Object& connection) {
  return map_of(identifier(), object(connection), "connection");
}

const Object& connection_override_object() {
  static const Object described = [] {
    Object made = connection_object();
    made.name = "connection of an environment";
    made.doc = "Replaces the keys given of the connection of that name, or adds one.";
    made.example.clear();
    for (Key& key : made.keys) key.need = Key::Need::Optional;
    return made;
  }();
  return described;
}

}  // namespace

const Object& environment_object() {
  static const Object described{
      "environment",
      "A named variant of the project, chosen with `--env`. What it says stands over what the file says.",
      {{"sample", scalar({Scalar::Kind::Share, 1e-9, 1}),
        "Use only this share of the rows, chosen by key; related rows follow.", "all rows"},
       {"home", scalar(path_text()), "Its own home.", ".tidemill/environments/NAME"},
       {"parameters", parameters_form(), "Other values of parameters."},
       {"connections", connections_form(connection_override_object()), "Other connections."},
       {"run", object(run_object()), "Other limits of a run."},
       {"notify", nullable(object(notify_object())), "Who is told instead."}},
      {},
      {},
      "environments: {dev: {sample: 1%}, prod: {home: /srv/flights}}"};
  return described;
}

const Object& project_object() {
  static const Object described{
      "project",
      "The whole file. Text may hold `${param:NAME}`. In `connections`, `notify` and `parameters` it may "
      "also hold "
      "`${env:NAME}` and `${file:PATH}`: what comes from the environment or a file is a secret and is never "
      "printed, nor written into a home; steps know it by its name, and another value of it makes nothing "
      "again. "
      "`$${` is a plain `${`.",
      {{"name", scalar({Scalar::Kind::ProjectName}), "The project's name.", "", Key::Need::Required},
       {"timezone", scalar({Scalar::Kind::TimeZone}), "The time zone of schedules and of SQL.", "UTC"},
       {"home", scalar(path_text()),
        "The folder for everything that Tidemill makes, relative to the project's folder.", ".tidemill"},
       {"parameters", parameters_form(), "Values for `${param:NAME}`, which `--param NAME=VALUE` replaces."},
       {"connections", connections_form(connection_object()), "Databases."},
       {"sources", map_of(identifier(), object(source_object()), "source"), "Declared inputs."},
       {"transforms", map_of(identifier(), object(transform_object()), "transform"),
        "Options of transforms."},
       {"models", map_of(identifier(), object(model_object()), "model"), "What is learned."},
       {"deployments", map_of(identifier(), object(deployment_object()), "deployment"), "What is served."},
       {"monitors",
        map_of(reference(Target::Deployment), list_of(object(monitor_object()), 0, 1'000), "deployment"),
        "Rules on live traffic, by deployment."},
       {"labels", map_of(reference(Target::Deployment), object(label_object()), "deployment"),
        "Where truths come from, by deployment."},
       {"exports", map_of(reference(Target::Table), object(export_object()), "table"),
        "Tables that are written out."},
       {"schedules", list_of(object(schedule_object()), 0, 1'000), "Runs by the clock."},
       {"notify", nullable(object(notify_object())), "Who is told."},
       {"run", object(run_object()), "Limits of a run."},
       {"environments", map_of(identifier(), object(environment_object()), "environment"),
        "Variants of the project."}},
      {},
      {},
      "name: flight-delays\ntimezone: America/New_York"};
  return described;
}

}  // namespace tidemill::project
