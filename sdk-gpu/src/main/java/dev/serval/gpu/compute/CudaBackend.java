package dev.serval.gpu.compute;

import dev.serval.api.Bytes;
import dev.serval.api.Sampling;
import dev.serval.api.cache.KvLayout;
import dev.serval.api.cache.KvMemory;
import dev.serval.api.cache.KvSwap;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.NumericsId;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.RotaryEmbedding;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import dev.serval.api.device.Device;
import dev.serval.api.device.DeviceGoneException;
import dev.serval.api.device.NativeMemory;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.model.TokenSampler;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.blas.BlasHandle;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceLostException;
import dev.serval.gpu.driver.DriverException;
import dev.serval.gpu.driver.ExecutableGraph;
import dev.serval.gpu.driver.Graph;
import dev.serval.gpu.driver.HostMemory;
import dev.serval.gpu.driver.Stream;
import dev.serval.gpu.transfer.DataPath;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A GPU: checks what it is given, brings the step over, and launches kernels on one stream. */
final class CudaBackend implements ComputeBackend {
  /*
   * All that is on the device belongs to one context and is used by one stream, in whose order every
   * launch, copy and fill takes effect. The host waits for the stream at the end of each step, so that
   * what goes wrong in a step is that step's failure; and wherever it reads what the device wrote.
   * KV blocks that come ahead of the step that needs them have a stream beside it (CudaKvSwap).
   *
   * A step's tokens, positions, block tables and draws go over in one copy, to an address that all
   * launches share. So a launch depends on the step only by the sizes of its grids, and those are made
   * for bounds that may lie above the step: blocks without work end at once. That is what lets a record
   * of one decode step be replayed for another.
   *
   * Records name addresses. Whatever moves (room that has to grow) drops all records first.
   *
   * A bucket's first step is launched by its operations with the bucket's bounds, so that everything
   * that has to grow for it has grown when the next one is recorded: nothing is allocated meanwhile.
   */
  private static final long UPLOAD_PIECE = 1 << 20;
  private static final long PAGE = 4096;

  private final Device device;
  private final Context context;
  private final String code;
  private final CublasWish.Outcome cublas;
  private final NumericsId numerics;
  private final Stream stream;
  private final NativeMemory hostMemory;
  private final DataPath path;
  private final RegionPool room;
  private final RegionPool activations;
  private final CudaChecks checks = new CudaChecks(this);
  private final StepGraphs graphs = new StepGraphs();
  private final StepBounds bounds = new StepBounds();
  private final StagedStep step;
  private final LaunchSite site;
  private final WeightLoader loader;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final @Nullable BlasProducts blas;
  private final AttentionKernels attention;
  private final Drawing drawing;
  private final Map<RotaryEmbedding, RotaryTable> turns = new HashMap<>();
  private final List<RotaryTable> tables = new ArrayList<>();
  private final List<CudaKvSwap> swaps = new ArrayList<>();
  private @Nullable Upload upload;
  private @Nullable StepBatch staged;
  private @Nullable StepEffects recording;
  private int tileRows = Abi.TILE_QUERIES;
  private boolean unsettled;
  private long steps;
  private long handedOver;
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
    this.device = device;
    hostMemory = memory;
    this.path = path;
    context = path.context();
    context.attach();
    stream = context.stream();
    room = path.deviceMemory().child(memory.path());
    activations = room.child("activations");
    KernelModule module = image.load(context, memory.arena());
    code = image.description();
    step = new StagedStep(this, context, room.child("the step"), stream, this::dropRecords);
    site =
        new LaunchSite(
            stream,
            step,
            bounds,
            buffer("sums that are taken apart"),
            buffer("counters"),
            buffer("rounded inputs"),
            buffer("gathered rows"),
            image.multiprocessors());
    loader = new WeightLoader(this, path, room, stream, module);
    rows = new RowKernels(module, site);
    attention = new AttentionKernels(module, image.instruction(), site);
    drawing = new Drawing(this, context, module, site, buffer("token counts"), buffer("tokens"));
    cublas = wish == null ? CublasWish.none() : wish.fulfil();
    numerics = new NumericsId("cuda-" + image.instruction() + "-1" + cublas.version());
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
    linear = new LinearOperations(checks, site, bounds, rows, products, blas, this::stage);
  }

  private GrowingBuffer buffer(String use) {
    return new GrowingBuffer(room.child(use), stream, this::dropRecords);
  }

  private void dropRecords() {
    if (recording != null) {
      throw new IllegalStateException("a step that was launched before needs more room now");
    }
    stream.synchronize();
    graphs.drop();
  }

  @Override
  public String description() {
    return "cuda, %s, %s%s%s%s"
        .formatted(device.name(), code, expansions(), cublas.words(), ways());
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
    return numerics;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Weight load(List<StoredTensor> parts) {
    attach();
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
  public Activations gates(int maxRows, int columns) {
    boolean fused = blas == null && loader.allPacked() && columns % (2 * Abi.TILE) == 0;
    return buffer(
        fused ? CudaActivations.Form.NOWHERE : CudaActivations.Form.ROWS, maxRows, columns);
  }

  private CudaActivations buffer(CudaActivations.Form form, int maxRows, int columns) {
    OperandChecks.requireShape(maxRows, columns);
    attach();
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
    if (layout.headDim() > AttentionKernels.widestHead()) {
      throw new IllegalArgumentException(
          "a head has at most %d dimensions on a GPU, not %d"
              .formatted(AttentionKernels.widestHead(), layout.headDim()));
    }
    attach();
    long bytes = Math.multiplyExact(layout.blockBytes(), (long) blocks);
    return new CudaKvMemory(this, layout, blocks, room.child("KV").allocate(bytes).address());
  }

  @Override
  public KvSwap kvSwap(KvMemory kv, int slots) {
    CudaKvMemory blocks = checks.ours(kv);
    if (slots < 1) {
      return KvSwap.NONE;
    }
    attach();
    long bytes = Math.multiplyExact(blocks.layout().blockBytes(), (long) slots);
    MemorySegment room = hostMemory.child("KV swap").allocate(bytes, PAGE);
    CudaKvSwap swap = new CudaKvSwap(blocks, context.pin(room), slots, context, stream);
    swaps.add(swap);
    return swap;
  }

  @Override
  public void step(StepBatch batch, Consumer<StepBatch> pass) {
    attach();
    requireDevice();
    steps++;
    try {
      loader.rest();
      moveBlocks();
      drawing.begin();
      drawing.count(batch);
      staged = batch;
      StepImage image = step.stage(batch, tileRows);
      if (StepGraphs.decodes(image)) {
        decode(batch, image, graphs.bucket(pass, image), pass);
      } else {
        bounds.exactly(image);
        pass.accept(batch);
      }
      handedOver = System.nanoTime();
      finish();
    } catch (DeviceLostException e) {
      throw gone(e);
    } catch (RuntimeException | Error e) {
      drawing.forget();
      throw e;
    } finally {
      staged = null;
    }
  }

  private void moveBlocks() {
    for (int i = 0; i < swaps.size(); i++) {
      swaps.get(i).move();
    }
  }

  private void moveBlocksBeside() {
    for (int i = 0; i < swaps.size(); i++) {
      swaps.get(i).moveBeside();
    }
  }

  /** Moves what the step does not need while it is computed, and waits for the step. */
  private void finish() {
    try {
      moveBlocksBeside();
    } finally {
      stream.synchronize();
      unsettled = false;
    }
  }

  private void decode(
      StepBatch batch, StepImage image, StepGraphs.Bucket bucket, Consumer<StepBatch> pass) {
    for (int i = 0; i < tables.size(); i++) {
      tables.get(i).covering(image.longest(), this);
    }
    bounds.decodes(bucket.sequences(), bucket.parts());
    ExecutableGraph graph = bucket.graph();
    if (graph == null && !bucket.launched()) {
      pass.accept(batch);
      bucket.wasLaunched();
      return;
    }
    if (graph == null) {
      graph = record(batch, bucket, pass);
    }
    bucket.effects().check(batch, image);
    bucket.effects().leave(image.logitRows(), drawing);
    graph.launch(stream);
  }

  private ExecutableGraph record(
      StepBatch batch, StepGraphs.Bucket bucket, Consumer<StepBatch> pass) {
    StepEffects effects = new StepEffects();
    recording = effects;
    try (Graph graph = stream.capture(() -> pass.accept(batch))) {
      ExecutableGraph executable = graph.instantiate();
      bucket.recorded(executable, effects);
      return executable;
    } finally {
      recording = null;
    }
  }

  /** Sees to it that kernels find a batch on the device. */
  private StepImage stage(StepBatch batch, int mostTileRows) {
    attach();
    boolean tiled = mostTileRows == 0 || mostTileRows == tileRows || step.image().tiles() == 0;
    if (batch == staged && tiled) {
      return step.image();
    }
    requireDevice();
    loader.rest();
    moveBlocks();
    moveBlocksBeside();
    if (mostTileRows > 0) {
      tileRows = mostTileRows;
    }
    unsettled = true;
    StepImage image = step.stage(batch, tileRows);
    bounds.exactly(image);
    return image;
  }

  private StepImage stage(StepBatch batch) {
    return stage(batch, 0);
  }

  @Override
  public void embed(StepBatch batch, Weight table, Activations out) {
    CudaWeight.Matrix matrix = checks.matrix("embedding table", table);
    CudaActivations output = checks.floats("output", out, batch, table.columns());
    CudaChecks.tokens(batch, stage(batch), matrix.rows());
    if (recording != null) {
      recording.embedded(matrix.rows());
    }
    rows.embed(whole("embedding table", matrix), output);
  }

  @Override
  public void rmsNorm(
      StepBatch batch, Activations in, Weight gain, float epsilon, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, gain.columns());
    CudaActivations input = checks.floats("input", in, batch, gain.columns());
    CudaWeight.Vector gains = checks.vector("gain", gain, in.columns());
    stage(batch);
    rows.norm(input, gains, epsilon, output);
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
  public void gatedLinear(
      StepBatch batch,
      Activations in,
      Weight weight,
      @Nullable Weight bias,
      Activations gates,
      Activations out) {
    if (!linear.gated(batch, in, weight, bias, gates, out)) {
      linear.multiply(batch, in, weight, bias, gates, false);
      gatedSilu(batch, gates, out);
    }
  }

  @Override
  public void rotateAndStore(
      StepBatch batch, Activations qkv, AttentionSpec spec, int layer, KvMemory kv) {
    CudaActivations input = checks.floats("queries, keys and values", qkv, batch, columns(spec));
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    long queryNorm = checks.address("query norm", spec.queryNorm(), spec.headDim());
    long keyNorm = checks.address("key norm", spec.keyNorm(), spec.headDim());
    StepImage image = stage(batch);
    CudaChecks.blocks(batch, image, cache);
    if (recording != null) {
      recording.used(cache);
    }
    long table = turns(spec.rotary()).covering(image.longest(), this);
    attention.store(input, spec, queryNorm, keyNorm, table, layer, cache);
  }

  private RotaryTable turns(RotaryEmbedding rotary) {
    RotaryTable table = turns.get(rotary);
    if (table == null) {
      table = new RotaryTable(rotary, buffer("rotary positions"));
      turns.put(rotary, table);
      tables.add(table);
    }
    return table;
  }

  private static int columns(AttentionSpec spec) {
    return spec.queryColumns() + 2 * spec.keyColumns();
  }

  @Override
  public void attention(
      StepBatch batch,
      Activations qkv,
      AttentionSpec spec,
      int layer,
      KvMemory kv,
      Activations out) {
    CudaActivations input = checks.floats("queries, keys and values", qkv, batch, columns(spec));
    CudaActivations output = checks.rows("output", out, batch, spec.queryColumns());
    CudaKvMemory cache = checks.cache(kv, spec, layer);
    StepImage image = stage(batch, AttentionKernels.tileRows(spec));
    CudaChecks.blocks(batch, image, cache);
    attention.attend(input, spec, layer, cache, output);
  }

  @Override
  public void gatedSilu(StepBatch batch, Activations gateUp, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("gate and up", gateUp, batch, 2 * out.columns());
    stage(batch);
    rows.gate(input, output);
  }

  @Override
  public void project(StepBatch batch, Activations hidden, Weight head, Logits out) {
    CudaWeight.Matrix matrix = checks.matrix("head", head);
    CudaActivations input = checks.rows("hidden rows", hidden, batch, matrix.columns());
    CudaLogits logits = checks.logits(out, matrix.rows(), batch.logitRows());
    stage(batch);
    logits.rows(batch.logitRows());
    if (recording != null) {
      recording.projected(logits);
    }
    if (bounds.logitRows() > 0) {
      linear.project(matrix, input, logits.scores());
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
    if (staged == null) {
      steps++;
    }
    stage(batch);
    if (recording != null) {
      recording.drew(scores);
    } else {
      drawing.drew(scores);
    }
    if (bounds.draws() > 0) {
      drawing.launch(scores);
    }
  }

  /** The number of the step under way, or of the last one. */
  long stepNumber() {
    return steps;
  }

  /**
   * A token that was drawn in the step, or is drawn now where the step did not.
   *
   * @param place where it would be among those of the step; −1 if it cannot be there
   */
  int drawn(Logits given, DeviceSampler sampler, int row, int place) {
    CudaLogits logits = checks.logits(given, sampler.vocabulary(), row + 1);
    attach();
    requireDevice();
    try {
      return drawn(logits, sampler, row, place);
    } catch (DeviceLostException e) {
      throw gone(e);
    }
  }

  private int drawn(CudaLogits logits, DeviceSampler sampler, int row, int place) {
    if (drawing.drewFrom(logits) && place >= 0) {
      settle();
      return drawing.id(place);
    }
    drawing.count(sampler);
    step.stageDraw(sampler, row);
    bounds.oneDraw();
    drawing.launch(logits);
    drawing.begin();
    unsettled = true;
    settle();
    return drawing.id(0);
  }

  /** Waits for what was launched outside a step. */
  private void settle() {
    if (unsettled) {
      stream.synchronize();
      unsettled = false;
    }
  }

  /** Copies to the host what the device wrote, and waits for it. */
  void fetch(long target, long source, long bytes) {
    attach();
    requireDevice();
    try {
      stream.copyToHost(target, source, bytes);
      stream.synchronize();
    } catch (DeviceLostException e) {
      throw gone(e);
    }
  }

  /** Memory of the host that the device reaches, for the backend's life. */
  HostMemory pinned(long bytes) {
    attach();
    return context.allocateHost(bytes);
  }

  /** Brings what a source writes to the device. */
  void upload(long target, long bytes, Upload.Source source) {
    Upload pieces = upload;
    if (pieces == null) {
      pieces = new Upload(context, stream, UPLOAD_PIECE);
      upload = pieces;
    }
    pieces.all(target, bytes, source);
  }

  /** When the last step had been handed to the device, by {@link System#nanoTime}. */
  long handedOver() {
    return handedOver;
  }

  /** By which ways the weights came, and what that cost. */
  List<TransferReport> weightReports() {
    return loader.reports();
  }

  /** How many records of steps there are. */
  int records() {
    return graphs.recorded();
  }

  /** Another backend on this thread may have put its own context in place, or taken ours away. */
  private void attach() {
    context.attach();
  }

  private void requireDevice() {
    Optional<DeviceLostException> lost = context.lost();
    if (lost.isPresent()) {
      throw gone(lost.get());
    }
  }

  private DeviceGoneException gone(DeviceLostException e) {
    return new DeviceGoneException(device, String.valueOf(e.getMessage()), e);
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
      context.synchronize();
    } catch (DeviceLostException e) {
      // Nothing is in flight on a device that is lost.
    } finally {
      path.close();
    }
  }

  private void close(BlasProducts library) {
    try {
      context.attached(library::close);
    } catch (DriverException e) {
      // A lost device is entered no more; the library gives up what it has on the host.
      library.close();
    }
  }
}
