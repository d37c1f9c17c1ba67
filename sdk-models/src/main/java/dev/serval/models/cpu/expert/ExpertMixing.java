package dev.serval.models.cpu.expert;

import dev.serval.models.cpu.activation.ActivationWork;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearGroup;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.memory.CpuActivations;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives rows to experts and adds up what these make of them. Routes are taken expert by expert, as
 * many at a time as there is room for, and all experts of a turn are shared out together: of few
 * rows each has so little to do that threads would else wait for each other most of the time.
 */
public final class ExpertMixing {
  private final WorkCrew crew;
  private final LinearWork linear;
  private final ActivationWork activation;
  private final ScaleRoutesWork scaling;
  private final AddRoutesWork adding;
  private final LinearGroup group = new LinearGroup();

  public ExpertMixing(
      WorkCrew crew,
      LinearWork linear,
      ActivationWork activation,
      ScaleRoutesWork scaling,
      AddRoutesWork adding) {
    this.crew = crew;
    this.linear = linear;
    this.activation = activation;
    this.scaling = scaling;
    this.adding = adding;
  }

  /** Adds to each of so many rows what its experts make of it. */
  public void add(CpuExperts layer, int rows, CpuActivations in, CpuActivations out) {
    ExpertRoom room = layer.room();
    ExpertRouting routing = room.routing();
    CpuExperts.Linear router = layer.router();
    linear.of(router.matrix(), in, room.routed(), rows).adding(router.bias(), false).run(crew);
    routing.route(
        room.routed(), rows, layer.spec().router(), layer.selectionBias(), layer.scales());
    for (int from = 0; from < routing.routes(); ) {
      int to = routing.endOfTurn(from, room.together());
      multiply(layer.gateUps(), routing, from, to, in, routing.rows(), room.gateUp());
      if (layer.spec().weighsInputs()) {
        scaling.of(room.gateUp(), routing, from).run(to - from, room.gateUp().columns(), crew);
      }
      activation
          .of(layer.spec().function(), room.gateUp(), room.gated())
          .run(to - from, room.gateUp().columns(), crew);
      multiply(layer.downs(), routing, from, to, room.gated(), null, room.given());
      add(layer, out, from, to);
      from = to;
    }
  }

  /**
   * Multiplies the rows of a turn's routes by their experts' matrices, and adds their biases.
   *
   * @param sources which row of the input each route's is; null where a turn's routes have a row
   *     each, one after the other
   */
  private void multiply(
      List<CpuExperts.Linear> maps,
      ExpertRouting routing,
      int from,
      int to,
      CpuActivations in,
      int @Nullable [] sources,
      CpuActivations out) {
    group.begin(maps.size(), to - from);
    for (int expert = 0; expert < maps.size(); expert++) {
      int first = routing.first(expert, from);
      int count = routing.count(expert, from, to);
      if (count > 0) {
        CpuExperts.Linear map = maps.get(expert);
        LinearWork product = group.next().of(map.matrix(), in, out, count).to(first - from);
        product.adding(map.bias(), false);
        if (sources == null) {
          product.from(first - from);
        } else {
          product.from(sources, first);
        }
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
            .of(room.given(), routing, first, from, !layer.spec().weighsInputs(), out)
            .run(count, out.columns(), crew);
      }
    }
  }
}
