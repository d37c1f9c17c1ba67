package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.Sampling;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
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
  /** Counts changes of what is computed, bit by bit: the last one was how heads are mapped. */
  private static final String NUMERICS = "-2";

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
  private final RowOperations rows;
  private final LinearOperations linear;
  private final HeadOperations heads;
  private final @Nullable BlasProducts blas;
  private final ExpertOperations experts;
  private final LogitOperations logits;
  private final AttentionOperations attention;
  private final StateOperations states;
  private final Drawing drawing;
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
    RowKernels kernels = new RowKernels(module, site);
    drawing =
        new Drawing(this, access.context(), module, site, buffer("token counts"), buffer("tokens"));
    RotaryTables turns = new RotaryTables(access, () -> buffer("rotary positions"));
    launches = new StepLaunches(access, loader, step, bounds, graphs, drawing, turns);
    rows = new RowOperations(checks, kernels, new StreamKernels(module, site), graphs, launches);
    attention =
        new AttentionOperations(
            checks,
            kernels,
            new AttentionKernels(module, image.instruction(), site),
            turns,
            launches);
    states =
        new StateOperations(
            checks,
            new RecallKernels(module, site),
            new ShortConvolutionKernel(module, site),
            launches);
    cublas = wish == null ? CublasWish.none() : wish.fulfil();
    numerics = new NumericsId("cuda-" + image.instruction() + NUMERICS + cublas.version());
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
    linear = new LinearOperations(checks, site, bounds, kernels, products, blas, launches::stage);
    heads =
        new HeadOperations(
            checks, site, kernels, linear, new HeadKernels(module, site), launches::stage);
    experts =
        new ExpertOperations(
            this,
            checks,
            bounds,
            kernels,
            linear,
            new ExpertKernels(module, site),
            new ExpertRoom(
                buffer("routes to experts"),
                buffer("gates of experts"),
                buffer("products of experts"),
                buffer("results of experts")),
            room.child("addresses of experts"),
            launches::stage);
    logits = new LogitOperations(checks, bounds, kernels, linear, graphs, launches);
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
    attention.requireKept(layout);
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
    rows.embed(batch, table, out);
  }

  @Override
  public void embedPositions(StepBatch batch, Weight table, Activations out) {
    rows.embedPositions(batch, table, out);
  }

  @Override
  public void norm(StepBatch batch, Activations in, Norm norm, Activations out) {
    rows.norm(batch, in, norm, out);
  }

  @Override
  public void normAdd(StepBatch batch, Activations in, Norm norm, Activations out) {
    rows.normAdd(batch, in, norm, out);
  }

  @Override
  public void addScaled(StepBatch batch, Activations in, float factor, Activations out) {
    rows.addScaled(batch, in, factor, out);
  }

  @Override
  public void scale(StepBatch batch, Activations given, float factor) {
    rows.scale(batch, given, factor);
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
      rows.activate(batch, function, room.gates(), room.gated());
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
    attention.store(batch, qkv, spec, layer, kv);
  }

  @Override
  public void attention(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out) {
    attention.attend(batch, qkv, spec, layer, kv, out);
  }

  @Override
  public void multiply(StepBatch batch, Activations in, Weight factors, Activations out) {
    rows.multiply(batch, in, factors, out);
  }

  @Override
  public void rescale(StepBatch batch, Activations like, Activations given) {
    rows.rescale(batch, like, given);
  }

  @Override
  public void mix(
      StepBatch batch, List<Activations> in, Activations shares, List<Activations> out) {
    rows.mix(batch, in, shares, out);
  }

  @Override
  public void sparsify(StepBatch batch, float deviations, Activations gateUp) {
    rows.sparsify(batch, deviations, gateUp);
  }

  @Override
  public void gateApart(
      StepBatch batch,
      GateFunction function,
      Activations gates,
      Activations ups,
      int first,
      Activations out) {
    rows.gateApart(batch, function, gates, ups, first, out);
  }

  @Override
  public void gateOutput(StepBatch batch, Activations gates, Activations in, Activations out) {
    rows.gateOutput(batch, gates, in, out);
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
    states.deltaNet(batch, in, spec, state, kv, between, out);
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
    states.stateSpace(batch, in, spec, state, kv, between, out);
  }

  @Override
  public void shortConvolution(
      StepBatch batch,
      Activations in,
      ShortConvolutionSpec spec,
      int state,
      KvMemory kv,
      Activations out) {
    states.shortConvolution(batch, in, spec, state, kv, out);
  }

  @Override
  public void gate(StepBatch batch, GateFunction function, Activations gateUp, Activations out) {
    rows.activate(batch, function, gateUp, out);
  }

  @Override
  public void activate(StepBatch batch, UngatedFunction function, Activations in, Activations out) {
    rows.activate(batch, function, in, out);
  }

  @Override
  public void addExperts(StepBatch batch, Activations in, ExpertLayer layer, Activations out) {
    experts.add(batch, in, layer, out);
  }

  @Override
  public boolean gather(StepBatch batch, Activations given) {
    rows.gather(batch, given);
    return true;
  }

  @Override
  public void project(
      StepBatch batch, Activations hidden, Weight head, @Nullable Weight bias, Logits out) {
    logits.project(batch, hidden, head, bias, out);
  }

  @Override
  public void softcap(StepBatch batch, float cap, Logits given) {
    logits.softcap(batch, cap, given);
  }

  @Override
  public Optional<TokenSampler> sampler(
      Sampling sampling, long seed, int[] prompt, int vocabulary) {
    return Optional.of(new DeviceSampler(this, sampling, seed, prompt, vocabulary));
  }

  @Override
  public void draw(StepBatch batch, Logits given) {
    logits.draw(batch, given);
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
    return logits.drawn(given, sampler, row, place);
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
