package dev.serval.models.cpu;

import java.util.List;

/**
 * Gives rows to experts and adds up what these make of them. Routes are taken expert by expert, as
 * many at a time as there is room for, and all experts of a turn are shared out together: of few
 * rows each has so little to do that threads would else wait for each other most of the time.
 */
final class ExpertMixing {
  private final WorkCrew crew;
  private final LinearWork linear;
  private final GateWork gating;
  private final AddWork adding;
  private final LinearGroup group = new LinearGroup();

  ExpertMixing(WorkCrew crew, LinearWork linear, GateWork gating, AddWork adding) {
    this.crew = crew;
    this.linear = linear;
    this.gating = gating;
    this.adding = adding;
  }

  /** Adds to each of so many rows what its experts make of it. */
  void add(CpuExperts layer, int rows, CpuActivations in, CpuActivations out) {
    ExpertRoom room = layer.room();
    ExpertRouting routing = room.routing();
    linear.of(layer.router(), in, room.scores(), rows).run(crew);
    routing.route(room.scores(), rows, layer.spec());
    for (int from = 0; from < routing.routes(); ) {
      int to = routing.endOfTurn(from, room.together());
      gateUp(layer.gateUps(), room, in, from, to);
      gating
          .of(layer.spec().function(), room.gateUp(), room.gated(), 0)
          .run(to - from, room.gateUp().columns(), crew);
      down(layer.downs(), room, from, to);
      add(layer, out, from, to);
      from = to;
    }
  }

  private void gateUp(
      List<PackedMatrix> matrices, ExpertRoom room, CpuActivations in, int from, int to) {
    ExpertRouting routing = room.routing();
    group.begin(matrices.size(), to - from);
    for (int expert = 0; expert < matrices.size(); expert++) {
      int first = routing.first(expert, from);
      int count = routing.count(expert, from, to);
      if (count > 0) {
        group
            .next()
            .of(matrices.get(expert), in, room.gateUp(), count)
            .from(routing.rows(), first)
            .to(first - from);
        group.take(crew);
      }
    }
    crew.run(group);
  }

  private void down(List<PackedMatrix> matrices, ExpertRoom room, int from, int to) {
    ExpertRouting routing = room.routing();
    group.begin(matrices.size(), to - from);
    for (int expert = 0; expert < matrices.size(); expert++) {
      int place = routing.first(expert, from) - from;
      int count = routing.count(expert, from, to);
      if (count > 0) {
        group
            .next()
            .of(matrices.get(expert), room.gated(), room.given(), count)
            .from(place)
            .to(place);
        group.take(crew);
      }
    }
    crew.run(group);
  }

  private void add(CpuExperts layer, CpuActivations out, int from, int to) {
    ExpertRoom room = layer.room();
    ExpertRouting routing = room.routing();
    for (int expert = 0; expert < layer.downs().size(); expert++) {
      int first = routing.first(expert, from);
      int count = routing.count(expert, from, to);
      if (count > 0) {
        adding
            .of(room.given(), first - from, routing.rows(), routing.shares(), first, out)
            .run(count, out.columns(), crew);
      }
    }
  }
}
