package dev.serval.gpu.compute;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.gpu.RegionPool;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Mixes experts. */
final class ExpertOperations {
  /*
   * Scores choose each row's experts; routes, which are rows on their way to one expert, are sorted
   * expert by expert; a few routes to the same expert at a time go through its maps; and each row
   * gathers what came of its own. All of that is launched alike whichever experts rows go to.
   */
  private final CudaBackend owner;
  private final CudaChecks checks;
  private final StepBounds bounds;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final ExpertKernels kernels;
  private final ExpertRoom room;
  private final RegionPool tables;
  private final Consumer<StepBatch> stage;

  /**
   * On a backend's stream.
   *
   * @param tables has room for the addresses of experts
   * @param stage sees to it that kernels find a batch on the device; called once what is given was
   *     checked
   */
  ExpertOperations(
      CudaBackend owner,
      CudaChecks checks,
      StepBounds bounds,
      RowKernels rows,
      LinearOperations linear,
      ExpertKernels kernels,
      ExpertRoom room,
      RegionPool tables,
      Consumer<StepBatch> stage) {
    this.owner = owner;
    this.checks = checks;
    this.bounds = bounds;
    this.rows = rows;
    this.linear = linear;
    this.kernels = kernels;
    this.room = room;
    this.tables = tables;
    this.stage = stage;
  }

  /** A layer, with the room it needs. */
  CudaExperts layer(ExpertSpec spec, int maxRows) {
    OperandChecks.requireShape(maxRows, spec.width());
    RouterSpec rules = spec.router();
    requireFew(rules);
    CudaWeight.Matrix router = checks.matrix("router", rules.map());
    long routerBias = checks.address("router's bias", rules.bias(), spec.count());
    long selectionBias = checks.address("selection bias", rules.selectionBias(), spec.count());
    long expertScales = checks.address("expert scales", rules.expertScales(), spec.count());
    ExpertWeights gateUps =
        weights("gates and ups", spec, FeedForwardMaps::gateUp, FeedForwardMaps::gateUpBias);
    ExpertWeights downs = weights("downs", spec, FeedForwardMaps::down, FeedForwardMaps::downBias);
    requireOneForm(downs);
    CudaExperts layer =
        new CudaExperts(
            owner,
            spec,
            maxRows,
            router,
            routerBias,
            selectionBias,
            expertScales,
            gateUps,
            downs,
            RouteLayout.of(spec, maxRows));
    room.reserve(layer);
    return layer;
  }

  private static void requireFew(RouterSpec rules) {
    if (rules.experts() > Abi.MAX_EXPERTS) {
      throw new IllegalArgumentException(
          "a layer has at most %d experts on a GPU, not %d"
              .formatted(Abi.MAX_EXPERTS, rules.experts()));
    }
  }

  /** What goes into it is rounded or it is not. */
  private static void requireOneForm(ExpertWeights downs) {
    if (downs.anyPacked() != downs.packed()) {
      throw new IllegalArgumentException(
          "an expert's downs are all of F32 and F16 or none of them is, unlike these, whose first"
              + " rows are of type "
              + downs.parts().getFirst().type());
    }
  }

  private ExpertWeights weights(
      String role,
      ExpertSpec spec,
      Function<FeedForwardMaps, Weight> map,
      Function<FeedForwardMaps, @Nullable Weight> bias) {
    List<CudaWeight.Matrix> experts =
        spec.experts().stream().map(map).map(one -> checks.matrix(role, one)).toList();
    List<CudaWeight.Part> parts = experts.getFirst().parts();
    long[] biases = biases("bias of " + role, spec, experts.getFirst().rows(), bias);
    return new ExpertWeights(
        parts,
        experts.size(),
        table(ExpertWeights.addresses(role, experts)),
        biases.length == 0 ? 0 : table(ExpertWeights.addresses(parts, biases)));
  }

  /** Where the experts' biases lie; none if they have none. */
  private long[] biases(
      String role, ExpertSpec spec, int length, Function<FeedForwardMaps, @Nullable Weight> bias) {
    return spec.experts().stream()
        .map(bias)
        .filter(Objects::nonNull)
        .mapToLong(one -> checks.vector(role, one, length).address())
        .toArray();
  }

  /** Brings addresses to the device. */
  private long table(long[] addresses) {
    MemorySegment from = MemorySegment.ofArray(addresses);
    long table = tables.allocate(from.byteSize()).address();
    owner
        .access()
        .upload(table, from.byteSize(), (to, at) -> to.copyFrom(from.asSlice(at, to.byteSize())));
    return table;
  }

  /** Adds to each row what its experts make of it. */
  void add(StepBatch batch, Activations in, ExpertLayer experts, Activations out) {
    CudaExperts layer = checks.experts(experts);
    int width = layer.spec().width();
    CudaActivations output = checks.floats("output", out, batch, width);
    CudaActivations input = checks.rows("input", in, batch, width);
    OperandChecks.requireApart(input, output);
    OperandChecks.requireRows(layer, batch);
    stage.accept(batch);
    LinearOperations.Input given =
        linear.input(input, layer.router().anyPacked() || layer.gateUps().anyPacked());
    CudaActivations products = room.products(layer);
    linear.multiply(layer.router(), layer.routerBias(), given, products);
    RouteLayout layout = layer.layout();
    long routing = room.routing(layer);
    int most = Math.min(bounds.rows(), layer.maxRows());
    kernels.route(layer, routing, products, most);
    for (int first = 0; first < most; first += layout.turnRows()) {
      int together = Math.min(layout.turnRows(), most - first);
      int count = layer.spec().count();
      int tile = ExpertKernels.width(layer.packed(), together * layout.used(), count);
      follow(
          new ExpertKernels.Turn(layout, routing, count, first, together, tile),
          layer,
          given,
          output);
    }
  }

  /** Follows the routes of some rows. */
  private void follow(
      ExpertKernels.Turn turn,
      CudaExperts layer,
      LinearOperations.Input input,
      CudaActivations output) {
    kernels.sort(turn);
    CudaActivations gated = room.gated(layer);
    if (layer.fuses()) {
      ActivationFunction function = layer.spec().function();
      kernels.gatherGated(turn, function, layer.gateUps(), input.operand(), input.stride(), gated);
    } else {
      activate(turn, layer, input, gated);
    }
    CudaActivations given = room.given(layer);
    for (int i = 0; i < layer.downs().parts().size(); i++) {
      kernels.follow(turn, layer.downs(), i, gated, given);
    }
    kernels.add(turn, !layer.spec().weighsInputs(), given, output);
  }

  private void activate(
      ExpertKernels.Turn turn,
      CudaExperts layer,
      LinearOperations.Input input,
      CudaActivations gated) {
    CudaActivations gateUps = room.gateUps(layer);
    for (int i = 0; i < layer.gateUps().parts().size(); i++) {
      CudaWeight.Part part = layer.gateUps().parts().get(i);
      kernels.gather(turn, layer.gateUps(), i, input.address(part), input.stride(part), gateUps);
    }
    if (layer.spec().weighsInputs()) {
      kernels.scale(turn, gateUps);
    }
    rows.activate(layer.spec().function(), turn.address(), turn.routes(), gateUps, gated);
  }
}
