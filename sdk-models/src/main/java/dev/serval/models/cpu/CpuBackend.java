package dev.serval.models.cpu;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.FeedForwardRoom;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.storage.StoredTensor;
import dev.serval.models.cpu.activation.ActivationWork;
import dev.serval.models.cpu.activation.OutputGateWork;
import dev.serval.models.cpu.activation.SoftcapWork;
import dev.serval.models.cpu.activation.SparsityWork;
import dev.serval.models.cpu.attention.AttentionWork;
import dev.serval.models.cpu.attention.RotaryTable;
import dev.serval.models.cpu.attention.RotaryWork;
import dev.serval.models.cpu.crew.ThreadPlaces;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.expert.AddRoutesWork;
import dev.serval.models.cpu.expert.CpuExperts;
import dev.serval.models.cpu.expert.ExpertMixing;
import dev.serval.models.cpu.expert.ExpertRoom;
import dev.serval.models.cpu.expert.ScaleRoutesWork;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.linear.HeadMapping;
import dev.serval.models.cpu.linear.LinearWork;
import dev.serval.models.cpu.linear.PackedMatrix;
import dev.serval.models.cpu.linear.WeightLoader;
import dev.serval.models.cpu.memory.CpuActivations;
import dev.serval.models.cpu.memory.CpuKvMemory;
import dev.serval.models.cpu.memory.CpuLogits;
import dev.serval.models.cpu.memory.PagesAhead;
import dev.serval.models.cpu.recurrent.CarriedStates;
import dev.serval.models.cpu.recurrent.DeltaNetWork;
import dev.serval.models.cpu.recurrent.ShortConvolutionWork;
import dev.serval.models.cpu.recurrent.StateSpaceWork;
import dev.serval.models.cpu.row.AddWork;
import dev.serval.models.cpu.row.EmbedWork;
import dev.serval.models.cpu.row.MixWork;
import dev.serval.models.cpu.row.MultiplyWork;
import dev.serval.models.cpu.row.NormWork;
import dev.serval.models.cpu.row.RescaleWork;
import dev.serval.models.cpu.row.ScaleWork;
import dev.serval.models.cpu.tier.KernelChoice;
import dev.serval.models.cpu.tier.KernelTier;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The processor: checks what it is given, then lets a crew compute it with one tier of kernels. */
public final class CpuBackend implements ComputeBackend {
  /** The fewest and the most rows whose gates and ups are had at a time, of many rows. */
  private static final int FEWEST_GATED = 128;

  private static final int MOST_GATED = 256;

  private final Device device;
  private final NativeMemory memory;
  private final WorkCrew crew;
  private final KernelTier kernels;
  private final String reason;
  private final OperandChecks checks = new OperandChecks(this);
  private final WeightLoader loader;
  private final Map<RotaryEmbedding, RotaryTable> tables = new HashMap<>();
  private final Map<RotaryEmbedding, RotaryTable> growing = new HashMap<>();
  private final Map<ExpertRoom.Sizes, ExpertRoom> rooms = new HashMap<>();
  private final List<PagesAhead> ahead = new ArrayList<>();
  private final EmbedWork embedding = new EmbedWork();
  private final NormWork norming;
  private final AddWork adding;
  private final ScaleWork scaling;
  private final MultiplyWork multiplying;
  private final RescaleWork rescaling;
  private final MixWork mixingRows;
  private final LinearWork linear = new LinearWork();
  private final RotaryWork rotary;
  private final AttentionWork attention;
  private final ActivationWork activation;
  private final SparsityWork sparsity;
  private final SoftcapWork capping;
  private final OutputGateWork outputGates;
  private final CarriedStates states = new CarriedStates();
  private final DeltaNetWork deltaNets;
  private final StateSpaceWork stateSpaces;
  private final ShortConvolutionWork shortConvolutions;
  private final ExpertMixing mixing;
  private final HeadMapping headMapping;

  CpuBackend(Device device, NativeMemory memory, ThreadPlaces threads, KernelChoice choice) {
    this.device = device;
    this.memory = memory;
    crew = new WorkCrew(device.id(), threads);
    kernels = choice.source().open(threads.threads());
    reason = choice.reason();
    loader = new WeightLoader(this, kernels.linear(), memory, crew);
    norming = new NormWork(kernels.rows(), kernels.prefetch());
    scaling = new ScaleWork(kernels.prefetch());
    multiplying = new MultiplyWork(kernels.rows(), kernels.prefetch());
    rescaling = new RescaleWork(kernels.rows(), kernels.prefetch());
    mixingRows = new MixWork(kernels.rows(), rows(threads.threads(), MixWork.room()));
    adding = new AddWork(kernels.rows(), kernels.prefetch());
    rotary = new RotaryWork(kernels.rows(), kernels.prefetch(), threads.threads());
    attention = new AttentionWork(kernels.attention(), memory, threads.threads());
    activation = new ActivationWork(kernels.activation(), kernels.rows(), kernels.prefetch());
    sparsity = new SparsityWork(kernels.rows(), kernels.prefetch());
    capping = new SoftcapWork(kernels.softcap());
    outputGates = new OutputGateWork(kernels.activation(), kernels.prefetch());
    deltaNets =
        new DeltaNetWork(
            kernels.recurrent(), kernels.rows(), kernels.activation(), memory, threads.threads());
    stateSpaces =
        new StateSpaceWork(
            kernels.recurrent(), kernels.rows(), kernels.activation(), threads.threads());
    shortConvolutions =
        new ShortConvolutionWork(kernels.recurrent(), kernels.rows(), threads.threads());
    mixing =
        new ExpertMixing(
            crew,
            linear,
            activation,
            new ScaleRoutesWork(kernels.prefetch()),
            new AddRoutesWork(kernels.rows(), kernels.prefetch()));
    headMapping =
        new HeadMapping(crew, kernels.prefetch(), map -> matrix("map of a head", map).packed());
  }

  @Override
  public String description() {
    return "cpu, %s (%s), %s".formatted(kernels.name(), reason, crew);
  }

  @Override
  public NumericsId numerics() {
    return kernels.numerics();
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Weight load(List<StoredTensor> parts) {
    return loader.load(parts);
  }

  @Override
  public Activations activations(int maxRows, int columns) {
    return rows(maxRows, columns);
  }

  @Override
  public Activations activations(int maxRows, int columns, Logits scores) {
    OperandChecks.requireShape(maxRows, columns);
    CpuActivations lent =
        checks.own("scores", scores, CpuLogits.class, CpuLogits::owner).lend(maxRows, columns);
    return lent == null ? rows(maxRows, columns) : lent;
  }

  @Override
  public Activations operands(int maxRows, int columns, Logits scores) {
    return activations(maxRows, columns, scores);
  }

  private CpuActivations rows(int maxRows, int columns) {
    OperandChecks.requireShape(maxRows, columns);
    long bytes = Math.multiplyExact((long) maxRows * columns, (long) Float.BYTES);
    return new CpuActivations(
        this, maxRows, columns, memory.allocate(bytes, CpuActivations.ALIGNMENT));
  }

  @Override
  public FeedForwardRoom feedForwardRoom(
      ActivationFunction function, int maxRows, int inner, List<Activations> spare) {
    OperandChecks.requireShape(maxRows, inner);
    Deque<CpuActivations> free = new ArrayDeque<>();
    for (Activations each : spare) {
      free.add(checks.own("spare", each, CpuActivations.class, CpuActivations::owner));
    }
    int columns = function.inputs(inner);
    long room = free.isEmpty() ? 0 : free.getFirst().data().byteSize();
    int together = Math.clamp(room / columns / Float.BYTES, FEWEST_GATED, MOST_GATED);
    int rows = Math.min(maxRows, together);
    return new FeedForwardRoom(inPlace(free, rows, columns), inPlace(free, rows, inner));
  }

  /** Rows in the place of the next buffer, unless that is too small. */
  private CpuActivations inPlace(Deque<CpuActivations> free, int maxRows, int columns) {
    CpuActivations place = free.peek();
    long bytes = (long) maxRows * columns * Float.BYTES;
    if (place == null || bytes > place.data().byteSize()) {
      return rows(maxRows, columns);
    }
    free.remove();
    return new CpuActivations(this, maxRows, columns, place.data().asSlice(0, bytes));
  }

  @Override
  public ExpertLayer experts(ExpertSpec spec, int maxRows) {
    List<CpuExperts.Linear> gateUps = new ArrayList<>();
    List<CpuExperts.Linear> downs = new ArrayList<>();
    for (FeedForwardMaps expert : spec.experts()) {
      gateUps.add(map("gates and ups", expert.gateUp(), expert.gateUpBias()));
      downs.add(map("downs", expert.down(), expert.downBias()));
    }
    OperandChecks.requireShape(maxRows, spec.width());
    ExpertRoom room =
        rooms.computeIfAbsent(new ExpertRoom.Sizes(spec, maxRows), sizes -> sizes.room(this::rows));
    return new CpuExperts(
        this,
        spec,
        map("router", spec.router().map(), spec.router().bias()),
        bias(spec.router().selectionBias(), spec.count()),
        bias(spec.router().expertScales(), spec.count()),
        List.copyOf(gateUps),
        List.copyOf(downs),
        room);
  }

  private CpuExperts.Linear map(String role, Weight weight, @Nullable Weight bias) {
    PackedMatrix matrix = matrix(role, weight).packed();
    return new CpuExperts.Linear(matrix, bias(bias, matrix.rows()));
  }

  @Override
  public Logits logits(int maxRows, int vocabulary) {
    return new CpuLogits(rows(maxRows, vocabulary));
  }

  @Override
  public KvMemory kvMemory(KvLayout layout, int blocks) {
    OperandChecks.requireBlocks(blocks);
    if (layout.dtype().blockElements() > 1 && layout.dtype() != DType.Q8_0) {
      throw new IllegalArgumentException(
          "KV memory is of type F32, F16, BF16 or Q8_0, not " + layout.dtype());
    }
    long bytes = Math.multiplyExact(layout.blockBytes(), (long) blocks);
    CpuKvMemory kv =
        new CpuKvMemory(this, layout, blocks, memory.allocate(bytes, CpuActivations.ALIGNMENT));
    ahead.add(kv.pages());
    return kv;
  }

  @Override
  public void embed(StepBatch batch, Weight table, Activations out) {
    PackedMatrix embeddings = matrix("embedding table", table).packed();
    CpuActivations output = rows("output", out, batch, table.columns());
    OperandChecks.requireTokens(batch, embeddings.rows());
    crew.settleCaller();
    embedding.of(batch, embeddings, output).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void embedPositions(StepBatch batch, Weight table, Activations out) {
    PackedMatrix embeddings = matrix("table of positions", table).packed();
    CpuActivations output = rows("output", out, batch, table.columns());
    OperandChecks.requirePositions(batch, embeddings.rows());
    crew.settleCaller();
    embedding.ofPositions(batch, embeddings, output).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void norm(StepBatch batch, Activations in, Norm norm, Activations out) {
    normalise(batch, in, norm, out, false);
  }

  @Override
  public void normAdd(StepBatch batch, Activations in, Norm norm, Activations out) {
    normalise(batch, in, norm, out, true);
  }

  private void normalise(StepBatch batch, Activations in, Norm norm, Activations out, boolean add) {
    int columns = add ? norm.gain().columns() : OperandChecks.normColumns(norm, out);
    CpuActivations output = rows("output", out, batch, columns);
    CpuActivations input = rows("input", in, batch, columns);
    if (add) {
      OperandChecks.requireApart(input, output);
    }
    CpuWeight.Vector gain = vector("gain", norm.gain(), norm.gain().columns());
    switch (norm) {
      case Norm.RootMeanSquare square -> norming.of(input, gain, square.epsilon(), output);
      case Norm.Layer layer ->
          norming.of(input, gain, layer.epsilon(), output).centred(bias(layer.bias(), columns));
    }
    norming.adding(add).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void addScaled(StepBatch batch, Activations in, float factor, Activations out) {
    CpuActivations output = rows("output", out, batch, out.columns());
    CpuActivations input = rows("input", in, batch, output.columns());
    OperandChecks.requireApart(input, output);
    adding.of(input, factor, output).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void scale(StepBatch batch, Activations given, float factor) {
    CpuActivations all = rows("rows", given, batch, given.columns());
    scaling.of(all, factor).run(batch.rows(), all.columns(), crew);
  }

  @Override
  public void multiply(StepBatch batch, Activations in, Weight factors, Activations out) {
    CpuActivations output = rows("output", out, batch, out.columns());
    CpuActivations input = rows("input", in, batch, output.columns());
    CpuWeight.Vector vector = vector("factors", factors, output.columns());
    OperandChecks.requireApart(input, output);
    multiplying.of(input, vector, output).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void rescale(StepBatch batch, Activations like, Activations given) {
    CpuActivations all = rows("rows", given, batch, given.columns());
    CpuActivations wanted = rows("size that is wanted", like, batch, all.columns());
    OperandChecks.requireApart(wanted, all);
    rescaling.of(wanted, all).run(batch.rows(), all.columns(), crew);
  }

  @Override
  public void mix(
      StepBatch batch, List<Activations> in, Activations shares, List<Activations> out) {
    OperandChecks.requireMix(batch, in, shares, out);
    mixingRows.by(rows("shares", shares));
    for (int i = 0; i < in.size(); i++) {
      mixingRows.from(rows("input", in.get(i)));
    }
    for (int i = 0; i < out.size(); i++) {
      mixingRows.to(rows("output", out.get(i)));
    }
    mixingRows.run(batch.rows(), in.size() * out.getFirst().columns(), crew);
  }

  @Override
  public void linear(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out) {
    multiply(batch, in, weight, bias, out, false);
  }

  @Override
  public void linearAdd(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out) {
    multiply(batch, in, weight, bias, out, true);
  }

  private void multiply(
      StepBatch batch,
      Activations in,
      Weight weight,
      @Nullable Weight bias,
      Activations out,
      boolean add) {
    PackedMatrix matrix = matrix("weight", weight).packed();
    CpuActivations input = rows("input", in, batch, matrix.columns());
    CpuActivations output = rows("output", out, batch, matrix.rows());
    OperandChecks.requireApart(input, output);
    linear.of(matrix, input, output, batch.rows()).adding(bias(bias, matrix.rows()), add);
    linear.run(crew);
  }

  @Override
  public void linearOfHeads(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out) {
    OperandChecks.requireHeads(batch, in, maps, behind, out);
    CpuActivations last = behind == null ? null : rows("columns behind", behind);
    headMapping.map(batch.rows(), rows("input", in), maps, last, rows("output", out));
  }

  @Override
  public void rotateAndStore(
      StepBatch batch, Activations qkv, AttentionSpec spec, int layer, KvMemory kv) {
    CpuActivations rows = rows("queries, keys and values", qkv, batch, spec.inputColumns());
    CpuKvMemory cache = cache(kv, spec, layer);
    OperandChecks.requireNorms(spec);
    norm("query norm", spec.queryNorm());
    norm("key norm", spec.keyNorm());
    norm("value norm", spec.valueNorm());
    int longest = checkBlocks(batch, cache);
    RotaryTable ofKeys = tables.computeIfAbsent(spec.rotary(), RotaryTable::of);
    ofKeys.cover(longest);
    RotaryTable ofQueries = ofKeys;
    if (spec.rotary().queriesGrow()) {
      ofQueries = growing.computeIfAbsent(spec.rotary(), RotaryTable::growing);
      ofQueries.cover(longest);
    }
    if (layer == 0) {
      cache.use(batch);
    }
    rotary
        .of(batch, rows, spec, ofQueries, ofKeys, layer, cache)
        .run(batch.rows(), rows.columns(), crew);
  }

  @Override
  public void attention(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out) {
    CpuActivations rows = rows("queries, keys and values", qkv, batch, spec.inputColumns());
    CpuActivations output = rows("output", out, batch, spec.outputColumns());
    CpuKvMemory cache = cache(kv, spec, layer);
    CpuWeight.@Nullable Vector sinks =
        spec.sinks() == null ? null : vector("sinks", spec.sinks(), spec.heads());
    crew.run(attention.of(batch, rows, spec, layer, cache, output).beside(sinks));
    if (attention.cut()) {
      crew.run(attention.merging());
    }
  }

  @Override
  public void gateOutput(StepBatch batch, Activations gates, Activations in, Activations out) {
    CpuActivations output = rows("output", out, batch, out.columns());
    CpuActivations input = rows("input", in, batch, out.columns());
    CpuActivations gating = rows("gates", gates, batch, out.columns());
    OperandChecks.requireApart(gating, output);
    outputGates.of(gating, input, output).run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void deltaNet(
      StepBatch batch,
      Activations in,
      DeltaNetSpec spec,
      int state,
      KvMemory kv,
      Activations between,
      Activations out) {
    DeltaNetShape shape = spec.shape();
    CpuActivations input = rows("input", in, batch, shape.inputColumns());
    CpuActivations convolved = rows("room between", between, batch, shape.channels());
    CpuActivations output = rows("output", out, batch, shape.valueColumns());
    vector("convolution", spec.convolution(), shape.taps() * shape.channels());
    vector("decay", spec.decay(), shape.valueHeads());
    vector("time bias", spec.timeBias(), shape.valueHeads());
    vector("norm", spec.norm(), shape.valueDim());
    CarriedStates carried = states(batch, kv, shape.stateBytes(), state);
    deltaNets.run(carried, input, spec, convolved, output, crew);
  }

  private CarriedStates states(StepBatch batch, KvMemory kv, long bytes, int state) {
    CpuKvMemory cache = checks.own("KV memory", kv, CpuKvMemory.class, CpuKvMemory::owner);
    OperandChecks.requireState(cache.layout(), bytes, state);
    checkBlocks(batch, cache);
    if (state == 0) {
      cache.use(batch);
    }
    return states.of(batch, cache, state);
  }

  @Override
  public void stateSpace(
      StepBatch batch,
      Activations in,
      StateSpaceSpec spec,
      int state,
      KvMemory kv,
      Activations between,
      Activations out) {
    StateSpaceShape shape = spec.shape();
    CpuActivations input = rows("input", in, batch, shape.inputColumns());
    CpuActivations convolved = rows("room between", between, batch, shape.channels());
    CpuActivations output = rows("output", out, batch, shape.inner());
    vector("convolution", spec.convolution(), shape.taps() * shape.channels());
    bias(spec.convolutionBias(), shape.channels());
    vector("decay", spec.decay(), shape.heads());
    vector("time bias", spec.timeBias(), shape.heads());
    vector("skip", spec.skip(), shape.heads());
    if (spec.norm() != null) {
      vector("norm", spec.norm(), shape.inner());
    }
    CarriedStates carried = states(batch, kv, shape.stateBytes(), state);
    stateSpaces.run(carried, input, spec, convolved, output, crew);
  }

  @Override
  public void shortConvolution(
      StepBatch batch,
      Activations in,
      ShortConvolutionSpec spec,
      int state,
      KvMemory kv,
      Activations out) {
    CpuActivations input = rows("input", in, batch, 3 * spec.width());
    CpuActivations output = rows("output", out, batch, spec.width());
    vector("kernel", spec.kernel(), spec.taps() * spec.width());
    CarriedStates carried = states(batch, kv, spec.stateBytes(), state);
    shortConvolutions.run(carried, input, spec, output, crew);
  }

  @Override
  public void gate(StepBatch batch, GateFunction function, Activations gateUp, Activations out) {
    CpuActivations output = rows("output", out, batch, out.columns());
    CpuActivations input = rows("gate and up", gateUp, batch, 2 * out.columns());
    activation.of(function, input, output).run(batch.rows(), input.columns(), crew);
  }

  @Override
  public void gateApart(
      StepBatch batch,
      GateFunction function,
      Activations gates,
      Activations ups,
      int first,
      Activations out) {
    OperandChecks.requireGatesApart(batch, gates, ups, first, out);
    CpuActivations output = rows("output", out);
    activation
        .of(function, rows("gates", gates), output)
        .apart(rows("ups", ups), first)
        .run(batch.rows(), output.columns(), crew);
  }

  @Override
  public void sparsify(StepBatch batch, float deviations, Activations gateUp) {
    OperandChecks.requireDeviations(deviations);
    OperandChecks.requirePairs(gateUp);
    CpuActivations rows = rows("gates and ups", gateUp, batch, gateUp.columns());
    sparsity.of(rows, deviations).run(batch.rows(), rows.columns(), crew);
  }

  @Override
  public void activate(StepBatch batch, UngatedFunction function, Activations in, Activations out) {
    CpuActivations output = rows("output", out, batch, out.columns());
    CpuActivations input = rows("input", in, batch, out.columns());
    OperandChecks.requireApart(input, output);
    activation.of(function, input, output).run(batch.rows(), input.columns(), crew);
  }

  /** A few rows at a time, so that little lies between the maps. */
  @Override
  public void feedForward(
      StepBatch batch,
      ActivationFunction function,
      Activations in,
      FeedForwardMaps maps,
      FeedForwardRoom room,
      Activations out,
      boolean add) {
    CpuExperts.Linear gateUp = map("gates and ups", maps.gateUp(), maps.gateUpBias());
    CpuExperts.Linear down = map("downs", maps.down(), maps.downBias());
    CpuActivations input = rows("input", in, batch, gateUp.matrix().columns());
    CpuActivations gates = between("gates", room.gates(), gateUp.matrix().rows());
    CpuActivations gated = between("gated", room.gated(), down.matrix().columns());
    OperandChecks.requireColumns("gates", gates, function.inputs(gated.columns()));
    CpuActivations output = rows("output", out, batch, down.matrix().rows());
    OperandChecks.requireApart(input, output);
    int turns = Math.ceilDiv(batch.rows(), Math.min(gates.maxRows(), gated.maxRows()));
    for (int turn = 0; turn < turns; turn++) {
      int from = batch.rows() * turn / turns;
      int count = batch.rows() * (turn + 1) / turns - from;
      linear.of(gateUp.matrix(), input, gates, count).from(from).adding(gateUp.bias(), false);
      linear.run(crew);
      activation.of(function, gates, gated).run(count, gates.columns(), crew);
      linear.of(down.matrix(), gated, output, count).to(from).adding(down.bias(), add);
      linear.run(crew);
    }
  }

  private CpuActivations between(String role, Activations given, int columns) {
    CpuActivations rows = rows(role, given);
    OperandChecks.requireColumns(role, rows, columns);
    return rows;
  }

  @Override
  public void addExperts(StepBatch batch, Activations in, ExpertLayer experts, Activations out) {
    CpuExperts layer = checks.own("experts", experts, CpuExperts.class, CpuExperts::owner);
    CpuActivations input = rows("input", in, batch, layer.spec().width());
    CpuActivations output = rows("output", out, batch, layer.spec().width());
    OperandChecks.requireApart(input, output);
    OperandChecks.requireRows(layer, batch);
    mixing.add(layer, batch.rows(), input, output);
  }

  @Override
  public boolean gather(StepBatch batch, Activations rows) {
    CpuActivations all = rows("rows", rows, batch, rows.columns());
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int first = batch.firstWantedRow(sequence);
      for (int i = 0; i < batch.wantedRows(sequence); i++) {
        all.move(first + i, batch.logitRow(sequence) + i);
      }
    }
    return true;
  }

  @Override
  public void project(
      StepBatch batch, Activations hidden, Weight head, @Nullable Weight bias, Logits out) {
    PackedMatrix matrix = matrix("head", head).packed();
    CpuActivations input = rows("hidden rows", hidden, batch, matrix.columns());
    CpuLogits logits = logits(out, matrix.rows(), batch.logitRows());
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      int first = batch.firstWantedRow(sequence);
      for (int i = 0; i < batch.wantedRows(sequence); i++) {
        logits.sourceRows()[batch.logitRow(sequence) + i] = first + i;
      }
    }
    logits.rows(batch.logitRows());
    linear
        .of(matrix, input, logits.scores(), batch.logitRows())
        .from(logits.sourceRows(), 0)
        .adding(bias(bias, matrix.rows()), false);
    linear.run(crew);
  }

  @Override
  public void softcap(StepBatch batch, float cap, Logits given) {
    OperandChecks.requireCap(cap);
    CpuLogits logits = logits(given, given.vocabulary(), batch.logitRows());
    capping.of(logits.scores(), batch.logitRows(), cap);
    capping.run(capping.pieces(), SoftcapWork.PIECE, crew);
  }

  @Override
  public void close() {
    crew.close();
    ahead.forEach(PagesAhead::close);
  }

  private CpuActivations rows(String role, Activations given) {
    return checks.own(role, given, CpuActivations.class, CpuActivations::owner);
  }

  private CpuActivations rows(String role, Activations given, StepBatch batch, int columns) {
    CpuActivations rows = rows(role, given);
    OperandChecks.requireRows(role, rows, batch, columns);
    return rows;
  }

  private CpuWeight.Matrix matrix(String role, Weight given) {
    return OperandChecks.matrix(role, own(role, given), CpuWeight.Matrix.class);
  }

  private CpuWeight.Vector vector(String role, Weight given, int length) {
    return OperandChecks.vector(role, own(role, given), CpuWeight.Vector.class, length);
  }

  private CpuWeight.@Nullable Vector bias(@Nullable Weight given, int rows) {
    return given == null ? null : vector("bias", given, rows);
  }

  private CpuWeight own(String role, Weight given) {
    return checks.own(role, given, CpuWeight.class, CpuWeight::owner);
  }

  private void norm(String role, @Nullable Weight gain) {
    if (gain != null) {
      vector(role, gain, gain.columns());
    }
  }

  private CpuLogits logits(Logits given, int vocabulary, int wanted) {
    CpuLogits logits = checks.own("logits", given, CpuLogits.class, CpuLogits::owner);
    OperandChecks.requireRoom(logits, logits.sourceRows().length, vocabulary, wanted);
    return logits;
  }

  private CpuKvMemory cache(KvMemory given, AttentionSpec spec, int layer) {
    CpuKvMemory kv = checks.own("KV memory", given, CpuKvMemory.class, CpuKvMemory::owner);
    OperandChecks.requireLayer(kv.layout(), spec, layer);
    return kv;
  }

  /** Refuses blocks that are not there; says how many positions the longest sequence has. */
  private static int checkBlocks(StepBatch batch, CpuKvMemory kv) {
    int longest = OperandChecks.requireTables(batch, kv.layout());
    OperandChecks.requireBlocks(batch, kv);
    return longest;
  }
}
