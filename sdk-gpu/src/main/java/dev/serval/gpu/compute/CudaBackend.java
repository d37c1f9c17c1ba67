package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.Sampling;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvShape;
import dev.serval.api.cache.KvSwap;
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
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.blas.BlasHandle;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.transfer.DataPath;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A GPU: checks what it is given, and launches kernels on one stream, step by step. */
final class CudaBackend implements ComputeBackend {
  /*
   * All that is on the device belongs to one context and is used by one stream, in whose order every
   * launch, copy and fill takes effect. The host waits for the stream at the end of each step, so that
   * what goes wrong in a step is that step's failure (StepLaunches); and wherever it reads what the
   * device wrote. KV blocks that come ahead of the step that needs them have a stream beside it
   * (CudaKvSwap).
   */
  private static final long PAGE = 4096;

  private final DeviceAccess access;
  private final String code;
  private final CublasWish.Outcome cublas;
  private final NumericsId numerics;
  private final NumericsId rounded;
  private final NativeMemory hostMemory;
  private final DataPath path;
  private final RegionPool activations;
  private final CudaChecks checks = new CudaChecks(this);
  private final StepBounds bounds = new StepBounds();
  private final StepGraphs graphs;
  private final StepLaunches launches;
  private final WeightLoader loader;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final HeadOperations heads;
  private final @Nullable BlasProducts blas;
  private final ExpertOperations experts;
  private final AttentionKernels attention;
  private final RecallKernels recalls;
  private final ShortConvolutionKernel shortConvolutions;
  private final Drawing drawing;
  private final RotaryTables turns;
  private boolean closed;

  /**
   * Takes over a data path.
   *
   * @param device where it is
   * @param memory what its memory on the host belongs to
   * @param path closed with the backend, and when there will be none
   * @param image the kernels for it
   * @param wish whether cuBLASLt shall multiply, or null
   */
  static CudaBackend open(
      Device device,
      NativeMemory memory,
      DataPath path,
      KernelImage image,
      @Nullable CublasWish wish) {
    try {
      return new CudaBackend(device, memory, path, image, wish);
    } catch (RuntimeException | Error e) {
      try {
        path.close();
      } catch (RuntimeException another) {
        e.addSuppressed(another);
      }
      throw e;
    }
  }

  private CudaBackend(
      Device device,
      NativeMemory memory,
      DataPath path,
      KernelImage image,
      @Nullable CublasWish wish) {
    hostMemory = memory;
    this.path = path;
    access = new DeviceAccess(device, path.context(), path.deviceMemory().child(memory.path()));
    RegionPool room = access.room();
    activations = room.child("activations");
    graphs = new StepGraphs(access.stream());
    KernelModule module = image.load(access.context(), memory.arena());
    code = image.description();
    StagedStep step =
        new StagedStep(
            this, access.context(), room.child("the step"), access.stream(), graphs::drop);
    LaunchSite site =
        new LaunchSite(
            access.stream(),
            step,
            bounds,
            buffer("sums that are taken apart"),
            buffer("counters"),
            buffer("rounded inputs"),
            buffer("gathered rows"),
            image.multiprocessors());
    loader = new WeightLoader(this, path, room, access.stream(), module);
    rows = new RowKernels(module, site);
    attention = new AttentionKernels(module, image.instruction(), site);
    recalls = new RecallKernels(module, site);
    shortConvolutions = new ShortConvolutionKernel(module, site);
    drawing =
        new Drawing(this, access.context(), module, site, buffer("token counts"), buffer("tokens"));
    turns = new RotaryTables(access, () -> buffer("rotary positions"));
    launches = new StepLaunches(access, loader, step, bounds, graphs, drawing, turns);
    cublas = wish == null ? CublasWish.none() : wish.fulfil();
    numerics = new NumericsId("cuda-" + image.instruction() + "-1" + cublas.version());
    rounded = new NumericsId(numerics.value() + "+blocks-as-bf16");
    BlasHandle handle = cublas.handle();
    blas =
        wish == null || handle == null
            ? null
            : new BlasProducts(
                handle,
                wish.leastTokens(),
                site,
                room.child("cuBLASLt"),
                buffer("rows for cuBLASLt"),
                module);
    Products products = new Products(module, image.instruction(), site);
    linear = new LinearOperations(checks, site, bounds, rows, products, blas, launches::stage);
    heads =
        new HeadOperations(
            checks, site, rows, linear, new HeadKernels(module, site), launches::stage);
    experts =
        new ExpertOperations(
            this,
            checks,
            bounds,
            rows,
            linear,
            new ExpertKernels(module, site),
            new ExpertRoom(
                buffer("routes to experts"),
                buffer("gates of experts"),
                buffer("products of experts"),
                buffer("results of experts")),
            room.child("addresses of experts"),
            launches::stage);
  }

  private GrowingBuffer buffer(String use) {
    return new GrowingBuffer(access.room().child(use), access.stream(), graphs::drop);
  }

  @Override
  public String description() {
    return "cuda, %s, %s%s%s%s"
        .formatted(device().name(), code, expansions(), cublas.words(), ways());
  }

  private String ways() {
    return weightReports().stream()
        .map(report -> "%s (%s)".formatted(report.path(), Bytes.of(report.bytes())))
        .reduce((one, other) -> one + ", " + other)
        .map(all -> "; weights: " + all)
        .orElse("");
  }

  private String expansions() {
    return loader.expanded().isEmpty()
        ? ""
        : loader.expanded().stream()
            .map(DType::name)
            .sorted()
            .collect(Collectors.joining(", ", ", ", " kept as BF16"));
  }

  @Override
  public NumericsId numerics() {
    return loader.expanded().isEmpty() ? numerics : rounded;
  }

  @Override
  public Device device() {
    return access.device();
  }

  @Override
  public Weight load(List<StoredTensor> parts) {
    access.attach();
    return loader.load(parts);
  }

  @Override
  public Activations activations(int maxRows, int columns) {
    return buffer(CudaActivations.Form.ROWS, maxRows, columns);
  }

  @Override
  public Activations operands(int maxRows, int columns) {
    return buffer(
        loader.allPacked() ? CudaActivations.Form.OPERAND : CudaActivations.Form.ROWS,
        maxRows,
        columns);
  }

  @Override
  public FeedForwardRoom feedForwardRoom(
      ActivationFunction function, int maxRows, int inner, List<Activations> spare) {
    boolean fused =
        function == GateFunction.SILU
            && blas == null
            && loader.allPacked()
            && inner % Abi.TILE == 0;
    CudaActivations.Form form = fused ? CudaActivations.Form.NOWHERE : CudaActivations.Form.ROWS;
    return new FeedForwardRoom(
        buffer(form, maxRows, function.inputs(inner)), operands(maxRows, inner));
  }

  private CudaActivations buffer(CudaActivations.Form form, int maxRows, int columns) {
    OperandChecks.requireShape(maxRows, columns);
    access.attach();
    loader.rest();
    long bytes = CudaActivations.bytes(form, maxRows, columns);
    return new CudaActivations(
        this,
        form,
        maxRows,
        columns,
        CudaActivations.stride(form, maxRows, columns),
        bytes == 0 ? 0 : activations.allocate(bytes).address());
  }

  @Override
  public ExpertLayer experts(ExpertSpec spec, int maxRows) {
    access.attach();
    return experts.layer(spec, maxRows);
  }

  @Override
  public Logits logits(int maxRows, int vocabulary) {
    drawing.reserve(maxRows);
    return new CudaLogits(this, buffer(CudaActivations.Form.ROWS, maxRows, vocabulary));
  }

  @Override
  public KvMemory kvMemory(KvLayout layout, int blocks) {
    OperandChecks.requireBlocks(blocks);
    if (!attention.keeps(layout.dtype())) {
      throw new IllegalArgumentException(
          "KV memory is of type F32, F16, BF16 or Q8_0, not " + layout.dtype());
    }
    for (KvShape layer : layout.layers()) {
      if (Math.max(layer.keyDim(), layer.valueDim()) > AttentionKernels.widestHead()) {
        throw new IllegalArgumentException(
            "a head has at most %d dimensions on a GPU, unlike %s"
                .formatted(AttentionKernels.widestHead(), layer));
      }
    }
    access.attach();
    long bytes = Math.multiplyExact(layout.blockBytes(), (long) blocks);
    return new CudaKvMemory(
        this, layout, blocks, access.room().child("KV").allocate(bytes).address());
  }

  @Override
  public KvSwap kvSwap(KvMemory kv, int slots) {
    CudaKvMemory blocks = checks.ours(kv);
    if (slots < 1) {
      return KvSwap.NONE;
    }
    access.attach();
    long bytes = Math.multiplyExact(blocks.layout().blockBytes(), (long) slots);
    MemorySegment room = hostMemory.child("KV swap").allocate(bytes, PAGE);
    Context context = access.context();
    CudaKvSwap swap = new CudaKvSwap(blocks, context.pin(room), slots, context, access.stream());
    launches.move(swap);
    return swap;
  }

  @Override
  public void step(StepBatch batch, Consumer<StepBatch> pass) {
    launches.run(batch, pass);
  }

  @Override
  public void embed(StepBatch batch, Weight table, Activations out) {
    CudaWeight.Matrix matrix = checks.matrix("embedding table", table);
    CudaActivations output = checks.floats("output", out, batch, table.columns());
    CudaChecks.tokens(batch, launches.stage(batch), matrix.rows());
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.embedded(matrix.rows());
    }
    rows.embed(whole("embedding table", matrix), output);
  }

  @Override
  public void norm(StepBatch batch, Activations in, Norm norm, Activations out) {
    int columns = OperandChecks.normColumns(norm, out);
    CudaActivations output = checks.rows("output", out, batch, columns);
    CudaActivations input = checks.floats("input", in, batch, columns);
    if (columns == norm.gain().columns()) {
      normalise(batch, input, norm, output, false);
    } else {
      normaliseParts(batch, input, norm, checks.floats("output", out, batch, columns));
    }
  }

  @Override
  public void normAdd(StepBatch batch, Activations in, Norm norm, Activations out) {
    int columns = norm.gain().columns();
    CudaActivations output = checks.floats("output", out, batch, columns);
    CudaActivations input = checks.floats("input", in, batch, columns);
    OperandChecks.requireApart(input, output);
    normalise(batch, input, norm, output, true);
  }

  private void normaliseParts(StepBatch batch, CudaActivations in, Norm norm, CudaActivations out) {
    CudaWeight.Vector gain = checks.vector("gain", norm.gain(), norm.gain().columns());
    launches.stage(batch);
    for (int from = 0; from < in.columns(); from += gain.columns()) {
      rows.normPart(in, out, from, gain, norm.epsilon());
    }
  }

  private void normalise(
      StepBatch batch, CudaActivations in, Norm norm, CudaActivations out, boolean add) {
    CudaWeight.Vector gain = checks.vector("gain", norm.gain(), in.columns());
    switch (norm) {
      case Norm.RootMeanSquare square -> {
        launches.stage(batch);
        rows.norm(in, gain, square.epsilon(), out, add);
      }
      case Norm.Layer layer -> {
        long bias = checks.address("bias", layer.bias(), in.columns());
        launches.stage(batch);
        rows.layerNorm(in, gain, bias, layer.epsilon(), out, add);
      }
    }
  }

  @Override
  public void addScaled(StepBatch batch, Activations in, float factor, Activations out) {
    CudaActivations output = checks.floats("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, output.columns());
    OperandChecks.requireApart(input, output);
    launches.stage(batch);
    rows.addScaled(input, factor, output);
  }

  @Override
  public void scale(StepBatch batch, Activations given, float factor) {
    CudaActivations all = checks.floats("rows", given, batch, given.columns());
    launches.stage(batch);
    rows.scale(all, factor);
  }

  @Override
  public void linear(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out) {
    linear.multiply(batch, in, weight, bias, out, false);
  }

  @Override
  public void linearAdd(
      StepBatch batch, Activations in, Weight weight, @Nullable Weight bias, Activations out) {
    linear.multiply(batch, in, weight, bias, out, true);
  }

  @Override
  public void feedForward(
      StepBatch batch,
      ActivationFunction function,
      Activations in,
      FeedForwardMaps maps,
      FeedForwardRoom room,
      Activations out,
      boolean add) {
    Weight gateUp = maps.gateUp();
    if (function != GateFunction.SILU
        || !linear.gated(batch, in, gateUp, maps.gateUpBias(), room.gates(), room.gated())) {
      linear.multiply(batch, in, gateUp, maps.gateUpBias(), room.gates(), false);
      activate(batch, function, room.gates(), room.gated());
    }
    linear.multiply(batch, room.gated(), maps.down(), maps.downBias(), out, add);
  }

  @Override
  public void linearOfHeads(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out) {
    heads.map(batch, in, maps, behind, out);
  }

  @Override
  public void rotateAndStore(
      StepBatch batch, Activations qkv, AttentionSpec spec, int layer, KvMemory kv) {
    CudaActivations input =
        checks.floats("queries, keys and values", qkv, batch, spec.inputColumns());
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    OperandChecks.requireNorms(spec);
    CudaWeight.@Nullable Vector queryGain = checks.gain("query norm", spec.queryNorm());
    CudaWeight.@Nullable Vector keyGain = checks.gain("key norm", spec.keyNorm());
    long valueNorm = checks.address("value norm", spec.valueNorm(), spec.valueDim());
    StepImage image = stage(batch, cache);
    long queryTurns = turns.ofQueries(spec.rotary(), image.longest());
    long keyTurns = turns.ofKeys(spec.rotary(), image.longest());
    long queryNorm = gainOfHeads(input, 0, queryGain, spec);
    long keyNorm = gainOfHeads(input, spec.queryColumns(), keyGain, spec);
    attention.store(input, spec, queryNorm, keyNorm, valueNorm, queryTurns, keyTurns, layer, cache);
  }

  /** For an operation that writes to blocks. */
  private StepImage stage(StepBatch batch, CudaKvMemory kv) {
    StepImage image = launches.stage(batch);
    CudaChecks.blocks(batch, image, kv);
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.used(kv);
    }
    return image;
  }

  /** Where the gain of each head lies; 0 if there is none, or once all heads are normalised. */
  private long gainOfHeads(
      CudaActivations qkv, int from, CudaWeight.@Nullable Vector gain, AttentionSpec spec) {
    if (gain == null) {
      return 0;
    }
    if (spec.ofEachHead(gain)) {
      return gain.address();
    }
    rows.normPart(qkv, qkv, from, gain, spec.normEpsilon());
    return 0;
  }

  @Override
  public void attention(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out) {
    CudaActivations input =
        checks.floats("queries, keys and values", qkv, batch, spec.inputColumns());
    CudaActivations output = checks.rows("output", out, batch, spec.outputColumns());
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    long sinks = checks.address("sinks", spec.sinks(), spec.heads());
    StepImage image = launches.stage(batch, AttentionKernels.tileRows(spec));
    CudaChecks.blocks(batch, image, cache);
    attention.attend(input, spec, sinks, layer, cache, output);
  }

  /** As one row of gates and ups, which are brought together for it. */
  @Override
  public void gateApart(
      StepBatch batch,
      GateFunction function,
      Activations gates,
      Activations ups,
      int first,
      Activations out) {
    OperandChecks.requireGatesApart(batch, gates, ups, first, out);
    CudaActivations output = checks.rows("output", out);
    CudaActivations gating = checks.floats("gates", gates);
    CudaActivations others = checks.floats("ups", ups);
    launches.stage(batch);
    rows.activate(function, rows.together(gating, others, first), output);
  }

  @Override
  public void gateOutput(StepBatch batch, Activations gates, Activations in, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, output.columns());
    CudaActivations gating = checks.floats("gates", gates, batch, output.columns());
    OperandChecks.requireApart(gating, output);
    launches.stage(batch);
    rows.gateOutput(gating, input, output);
  }

  @Override
  public void deltaNet(
      StepBatch batch,
      Activations in,
      DeltaNetSpec spec,
      long stateAt,
      KvMemory kv,
      Activations between,
      Activations out) {
    DeltaNetShape shape = spec.shape();
    CudaActivations input = checks.floats("input", in, batch, shape.inputColumns());
    CudaActivations room = checks.floats("room between", between, batch, shape.channels());
    CudaActivations output = checks.rows("output", out, batch, shape.valueColumns());
    RecallKernels.Vectors vectors =
        new RecallKernels.Vectors(
            checks.address("convolution", spec.convolution(), shape.taps() * shape.channels()),
            0,
            checks.address("decay", spec.decay(), shape.valueHeads()),
            checks.address("time bias", spec.timeBias(), shape.valueHeads()),
            0,
            checks.address("norm", spec.norm(), shape.valueDim()));
    CudaKvMemory states = checks.states(kv, shape.stateBytes(), stateAt);
    stage(batch, states);
    recalls.deltaNet(spec, vectors, new RecallKernels.Places(input, room, output, states, stateAt));
  }

  @Override
  public void stateSpace(
      StepBatch batch,
      Activations in,
      StateSpaceSpec spec,
      long stateAt,
      KvMemory kv,
      Activations between,
      Activations out) {
    StateSpaceShape shape = spec.shape();
    CudaActivations input = checks.floats("input", in, batch, shape.inputColumns());
    CudaActivations room = checks.floats("room between", between, batch, shape.channels());
    CudaActivations output = checks.rows("output", out, batch, shape.inner());
    RecallKernels.Vectors vectors =
        new RecallKernels.Vectors(
            checks.address("convolution", spec.convolution(), shape.taps() * shape.channels()),
            checks.address("bias", spec.convolutionBias(), shape.channels()),
            checks.address("decay", spec.decay(), shape.heads()),
            checks.address("time bias", spec.timeBias(), shape.heads()),
            checks.address("skip", spec.skip(), shape.heads()),
            checks.address("norm", spec.norm(), shape.inner()));
    CudaKvMemory states = checks.states(kv, shape.stateBytes(), stateAt);
    stage(batch, states);
    recalls.stateSpace(
        spec, vectors, new RecallKernels.Places(input, room, output, states, stateAt));
  }

  @Override
  public void shortConvolution(
      StepBatch batch,
      Activations in,
      ShortConvolutionSpec spec,
      long stateAt,
      KvMemory kv,
      Activations out) {
    CudaActivations input = checks.floats("input", in, batch, 3 * spec.width());
    CudaActivations output = checks.rows("output", out, batch, spec.width());
    long weights = checks.address("kernel", spec.kernel(), spec.taps() * spec.width());
    CudaKvMemory states = checks.states(kv, spec.stateBytes(), stateAt);
    stage(batch, states);
    shortConvolutions.launch(spec, weights, input, output, states, stateAt);
  }

  @Override
  public void gate(StepBatch batch, GateFunction function, Activations gateUp, Activations out) {
    activate(batch, function, gateUp, out);
  }

  @Override
  public void activate(StepBatch batch, UngatedFunction function, Activations in, Activations out) {
    activate(batch, (ActivationFunction) function, in, out);
  }

  private void activate(
      StepBatch batch, ActivationFunction function, Activations in, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, function.inputs(output.columns()));
    OperandChecks.requireApart(input, output);
    launches.stage(batch);
    rows.activate(function, input, output);
  }

  @Override
  public void addExperts(StepBatch batch, Activations in, ExpertLayer layer, Activations out) {
    experts.add(batch, in, layer, out);
  }

  @Override
  public boolean gather(StepBatch batch, Activations given) {
    CudaActivations all = checks.floats("rows", given, batch, given.columns());
    launches.stage(batch);
    rows.toFront(all);
    return true;
  }

  @Override
  public void project(
      StepBatch batch, Activations hidden, Weight head, @Nullable Weight bias, Logits out) {
    CudaWeight.Matrix matrix = checks.matrix("head", head);
    CudaActivations input = checks.rows("hidden rows", hidden, batch, matrix.columns());
    CudaLogits logits = checks.logits(out, matrix.rows(), batch.logitRows());
    long biasAt = checks.address("bias", bias, matrix.rows());
    launches.stage(batch);
    logits.rows(batch.logitRows());
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.projected(logits);
    }
    if (bounds.logitRows() > 0) {
      linear.project(matrix, input, biasAt, logits.scores());
    }
  }

  @Override
  public void softcap(StepBatch batch, float cap, Logits given) {
    OperandChecks.requireCap(cap);
    CudaLogits logits = checks.logits(given, given.vocabulary(), batch.logitRows());
    launches.stage(batch);
    if (bounds.logitRows() > 0) {
      rows.softcap(logits.scores(), cap);
      logits.changed();
    }
  }

  private static CudaWeight.Part whole(String role, CudaWeight.Matrix matrix) {
    if (matrix.parts().size() > 1) {
      throw new IllegalArgumentException(
          "the %s is of several types, %s above %s"
              .formatted(role, matrix.parts().getFirst().type(), matrix.parts().get(1).type()));
    }
    return matrix.parts().getFirst();
  }

  @Override
  public Optional<TokenSampler> sampler(
      Sampling sampling, long seed, int[] prompt, int vocabulary) {
    return Optional.of(new DeviceSampler(this, sampling, seed, prompt, vocabulary));
  }

  @Override
  public void draw(StepBatch batch, Logits logits) {
    CudaLogits scores = checks.logits(logits, logits.vocabulary(), batch.logitRows());
    launches.draw(batch, scores);
  }

  /** The number of the step under way, or of the last one. */
  long stepNumber() {
    return launches.number();
  }

  /**
   * A token that was drawn in the step, or is drawn now where the step did not.
   *
   * @param place where it would be among those of the step; −1 if it cannot be there
   */
  int drawn(Logits given, DeviceSampler sampler, int row, int place) {
    CudaLogits logits = checks.logits(given, sampler.vocabulary(), row + 1);
    return launches.drawn(logits, sampler, row, place);
  }

  /** The way to the device. */
  DeviceAccess access() {
    return access;
  }

  /** When the last step had been handed to the device, by {@link System#nanoTime}. */
  long handedOver() {
    return launches.handedOver();
  }

  /** By which ways the weights came, and what that cost. */
  List<TransferReport> weightReports() {
    return loader.reports();
  }

  /** How many records of steps there are. */
  int records() {
    return graphs.recorded();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (blas != null) {
      close(blas);
    }
    try {
      access.context().synchronize();
    } catch (DeviceLostException e) {
      // Nothing is in flight on a device that is lost.
    } finally {
      path.close();
    }
  }

  private void close(BlasProducts library) {
    try {
      access.context().attached(library::close);
    } catch (DriverException e) {
      // A lost device is entered no more; the library gives up what it has on the host.
      library.close();
    }
  }
}
