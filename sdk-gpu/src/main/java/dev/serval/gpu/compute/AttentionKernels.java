package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.AttentionSpec;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.DType;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Launches what writes and reads the cache. */
final class AttentionKernels {
  private static final long STORE_STEP = Abi.ROTATE_STORE.offset("step");
  private static final long STORE_QKV = Abi.ROTATE_STORE.offset("qkv");
  private static final long STORE_QUERY_NORM = Abi.ROTATE_STORE.offset("queryNorm");
  private static final long STORE_KEY_NORM = Abi.ROTATE_STORE.offset("keyNorm");
  private static final long STORE_VALUE_NORM = Abi.ROTATE_STORE.offset("valueNorm");
  private static final long STORE_QUERY_TURNS = Abi.ROTATE_STORE.offset("queryTurns");
  private static final long STORE_KEY_TURNS = Abi.ROTATE_STORE.offset("keyTurns");
  private static final long STORE_KV = Abi.ROTATE_STORE.offset("kv");
  private static final long STORE_BLOCK_BYTES = Abi.ROTATE_STORE.offset("blockBytes");
  private static final long STORE_LAYER_OFFSET = Abi.ROTATE_STORE.offset("layerOffset");
  private static final long STORE_STRIDE = Abi.ROTATE_STORE.offset("stride");
  private static final long STORE_HEADS = Abi.ROTATE_STORE.offset("heads");
  private static final long STORE_KV_HEADS = Abi.ROTATE_STORE.offset("kvHeads");
  private static final long STORE_HEAD_DIM = Abi.ROTATE_STORE.offset("headDim");
  private static final long STORE_BLOCK_TOKENS = Abi.ROTATE_STORE.offset("blockTokens");
  private static final long STORE_INTERLEAVED = Abi.ROTATE_STORE.offset("interleaved");
  private static final long STORE_PAIRS = Abi.ROTATE_STORE.offset("pairs");
  private static final long STORE_VALUE_DIM = Abi.ROTATE_STORE.offset("valueDim");
  private static final long STORE_INPUTS = Abi.ROTATE_STORE.offset("inputs");
  private static final long STORE_EPSILON = Abi.ROTATE_STORE.offset("normEpsilon");
  private static final long STORE_NORMS_BEHIND = Abi.ROTATE_STORE.offset("normsBehind");
  private static final long STORE_GROUPS = Abi.ROTATE_STORE.offset("groups");
  private static final long STORE_GROUP = Abi.ROTATE_STORE.offset("group");

  private static final long STEP = Abi.ATTENTION.offset("step");
  private static final long QKV = Abi.ATTENTION.offset("qkv");
  private static final long KV = Abi.ATTENTION.offset("kv");
  private static final long OUT = Abi.ATTENTION.offset("out");
  private static final long PARTIALS = Abi.ATTENTION.offset("partials");
  private static final long ARRIVALS = Abi.ATTENTION.offset("arrivals");
  private static final long SINKS = Abi.ATTENTION.offset("sinks");
  private static final long BLOCK_BYTES = Abi.ATTENTION.offset("blockBytes");
  private static final long LAYER_OFFSET = Abi.ATTENTION.offset("layerOffset");
  private static final long STRIDE = Abi.ATTENTION.offset("stride");
  private static final long HEADS = Abi.ATTENTION.offset("heads");
  private static final long KV_HEADS = Abi.ATTENTION.offset("kvHeads");
  private static final long HEAD_DIM = Abi.ATTENTION.offset("headDim");
  private static final long BLOCK_TOKENS = Abi.ATTENTION.offset("blockTokens");
  private static final long WINDOW = Abi.ATTENTION.offset("window");
  private static final long CHUNKED = Abi.ATTENTION.offset("chunked");
  private static final long OUT_STRIDE = Abi.ATTENTION.offset("outStride");
  private static final long OUT_OPERAND = Abi.ATTENTION.offset("outOperand");
  private static final long SCALE = Abi.ATTENTION.offset("scale");
  private static final long VALUE_DIM = Abi.ATTENTION.offset("valueDim");
  private static final long SOFTCAP = Abi.ATTENTION.offset("softcap");
  private static final long GROUPS = Abi.ATTENTION.offset("groups");
  private static final long GROUP = Abi.ATTENTION.offset("group");

  private static final int[] TENSOR_HEADS = {64, 96, 128};
  private static final int TENSOR_STEP = 8;

  /** They copy so many bytes at once, from where as many begin. */
  private static final int COPIED_TOGETHER = 16;

  /** Up to so many rows, the heads of a row are shared out among blocks. */
  private static final int FEW_ROWS = 64;

  /** The heads of a share. */
  private static final int SHARE = 8;

  /** Up to so many blocks a multiprocessor, decode takes a block for each part and key head. */
  private static final int FEW_BLOCKS = 2;

  /** From so many a multiprocessor on, a warp for each, as those take longer but waste nothing. */
  private static final int STREAM_FROM = 4;

  /** Blocks a multiprocessor of what streams. */
  private static final int STREAM_BLOCKS = 2;

  /** The fewest positions of a KV block that a streaming kernel takes. */
  private static final int STREAM_BLOCK_TOKENS = 8;

  private static final int WIDEST_HEAD = 1024;
  private static final int PARTIAL_EXTRA = 4;

  private final LaunchSite site;
  private final Map<DType, Kernel> stores = new EnumMap<>(DType.class);
  private final Map<DType, Kernel> simple = new EnumMap<>(DType.class);
  private final Kernel[] decode = new Kernel[TENSOR_HEADS.length];
  private final Kernel[] few = new Kernel[TENSOR_HEADS.length];
  private final List<Optional<Kernel>> streams;
  private final Kernel[] prefill = new Kernel[TENSOR_HEADS.length];

  AttentionKernels(KernelModule module, String instruction, LaunchSite site) {
    this.site = site;
    for (DType type : DType.values()) {
      module.find("rotate_store_", type).ifPresent(kernel -> stores.put(type, kernel));
      module.find("attention_simt_", type).ifPresent(kernel -> simple.put(type, kernel));
    }
    boolean hopper = instruction.equals(KernelImage.WGMMA);
    String many = hopper ? "stream_attention_prefill_" : "attention_prefill_";
    for (int i = 0; i < TENSOR_HEADS.length; i++) {
      decode[i] = module.kernel("attention_decode_" + TENSOR_HEADS[i]);
      few[i] = module.kernel("attention_few_" + TENSOR_HEADS[i]);
      prefill[i] = module.kernel(many + TENSOR_HEADS[i]);
    }
    streams =
        Arrays.stream(TENSOR_HEADS)
            .mapToObj(heads ->
                hopper ? module.find("stream_attention_decode_" + heads) : Optional.<Kernel>empty())
            .toList();
  }

  /** Whether a cache of this type can be written and read. */
  boolean keeps(DType type) {
    return stores.containsKey(type) && simple.containsKey(type);
  }

  /** The most dimensions of a head. */
  static int widestHead() {
    return WIDEST_HEAD;
  }

  /** Turns queries and keys and writes keys and values. */
  void store(
      CudaActivations qkv,
      AttentionSpec spec,
      long queryNorm,
      long keyNorm,
      long valueNorm,
      long queryTurns,
      long keyTurns,
      int layer,
      CudaKvMemory kv) {
    KvLayout layout = kv.layout();
    Kernel kernel = Objects.requireNonNull(stores.get(layout.dtype()));
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, STORE_STEP, site.step().address());
    to.set(JAVA_LONG, STORE_QKV, qkv.address());
    to.set(JAVA_LONG, STORE_QUERY_NORM, queryNorm);
    to.set(JAVA_LONG, STORE_KEY_NORM, keyNorm);
    to.set(JAVA_LONG, STORE_VALUE_NORM, valueNorm);
    to.set(JAVA_LONG, STORE_QUERY_TURNS, queryTurns);
    to.set(JAVA_LONG, STORE_KEY_TURNS, keyTurns);
    to.set(JAVA_LONG, STORE_KV, kv.address());
    to.set(JAVA_LONG, STORE_BLOCK_BYTES, layout.blockBytes());
    to.set(JAVA_LONG, STORE_LAYER_OFFSET, layout.layerOffset(layer));
    to.set(JAVA_INT, STORE_STRIDE, qkv.stride());
    to.set(JAVA_INT, STORE_HEADS, spec.heads());
    to.set(JAVA_INT, STORE_KV_HEADS, spec.kvHeads());
    to.set(JAVA_INT, STORE_HEAD_DIM, spec.headDim());
    to.set(JAVA_INT, STORE_BLOCK_TOKENS, layout.blockTokens());
    to.set(JAVA_INT, STORE_INTERLEAVED, spec.rotary().second(0) == 1 ? 1 : 0);
    to.set(JAVA_INT, STORE_PAIRS, spec.rotary().pairs());
    to.set(JAVA_INT, STORE_VALUE_DIM, spec.valueDim());
    to.set(JAVA_INT, STORE_INPUTS, inputs(spec));
    to.set(JAVA_FLOAT, STORE_EPSILON, spec.normEpsilon());
    to.set(JAVA_INT, STORE_NORMS_BEHIND, spec.normsBehindRotation() ? 1 : 0);
    to.set(JAVA_INT, STORE_GROUPS, layout.groups());
    to.set(JAVA_INT, STORE_GROUP, layout.group(layer));
    int rows = site.bounds().rows();
    int shares = rows > FEW_ROWS ? 1 : Math.ceilDiv(spec.heads() + 2 * spec.kvHeads(), SHARE);
    kernel.grid(rows, shares, 1).launch(site.stream());
  }

  /** As {@code rotate.cu} counts what rows have. */
  private static int inputs(AttentionSpec spec) {
    return switch (spec.inputs()) {
      case ALL -> 0;
      case LATENT -> 1;
      case QUERIES -> 2;
    };
  }

  /**
   * Attention of all rows over the cache.
   *
   * @param sinks where those of the heads lie; 0 for none
   */
  void attend(
      CudaActivations qkv,
      AttentionSpec spec,
      long sinks,
      int layer,
      CudaKvMemory kv,
      CudaActivations out) {
    int choice = tensorChoice(spec, kv.layout(), layer);
    if (choice < 0) {
      Kernel kernel = Objects.requireNonNull(simple.get(kv.layout().dtype()));
      fill(kernel.arguments(), qkv, spec, sinks, layer, kv, out);
      kernel.grid(site.bounds().rows(), spec.heads(), 1).launch(site.stream());
      return;
    }
    if (site.bounds().tiles() > 0) {
      fill(prefill[choice].arguments(), qkv, spec, sinks, layer, kv, out);
      prefill[choice].grid(site.bounds().tiles(), spec.kvHeads(), 1).launch(site.stream());
    }
    if (site.bounds().parts() > 0) {
      decode(choice, qkv, spec, sinks, layer, kv, out);
    }
  }

  private void decode(
      int choice,
      CudaActivations qkv,
      AttentionSpec spec,
      long sinks,
      int layer,
      CudaKvMemory kv,
      CudaActivations out) {
    long parts = site.bounds().parts();
    int work = Math.toIntExact(parts * spec.kvHeads());
    Kernel kernel = decodeKernel(choice, kv.layout(), work);
    MemorySegment to = kernel.arguments();
    fill(to, qkv, spec, sinks, layer, kv, out);
    long sums = parts * spec.heads() * (spec.headDim() + PARTIAL_EXTRA);
    long counters = (long) site.bounds().rows() * spec.kvHeads();
    to.set(JAVA_LONG, PARTIALS, site.partials().atLeast(sums * Float.BYTES));
    to.set(JAVA_LONG, ARRIVALS, site.arrivals().atLeast(counters * Integer.BYTES));
    kernel.launch(site.stream());
  }

  /**
   * The kernel for so many parts of all key heads, with its grid. The bits do not depend on which
   * it is.
   */
  private Kernel decodeKernel(int choice, KvLayout layout, int work) {
    int multiprocessors = site.multiprocessors();
    Optional<Kernel> stream = streams.get(choice);
    if (work > STREAM_FROM * multiprocessors
        && stream.isPresent()
        && layout.blockTokens() >= STREAM_BLOCK_TOKENS) {
      return stream.get().grid(STREAM_BLOCKS * multiprocessors, 1, 1);
    }
    boolean isFew = work <= FEW_BLOCKS * multiprocessors;
    return (isFew ? few[choice] : decode[choice]).grid(work, 1, 1);
  }

  private void fill(
      MemorySegment to,
      CudaActivations qkv,
      AttentionSpec spec,
      long sinks,
      int layer,
      CudaKvMemory kv,
      CudaActivations out) {
    KvLayout layout = kv.layout();
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, QKV, qkv.address());
    to.set(JAVA_LONG, KV, kv.address());
    to.set(JAVA_LONG, OUT, out.address());
    to.set(JAVA_LONG, SINKS, sinks);
    to.set(JAVA_LONG, BLOCK_BYTES, layout.blockBytes());
    to.set(JAVA_LONG, LAYER_OFFSET, layout.layerOffset(layer));
    to.set(JAVA_INT, STRIDE, qkv.stride());
    to.set(JAVA_INT, HEADS, spec.heads());
    to.set(JAVA_INT, KV_HEADS, spec.kvHeads());
    to.set(JAVA_INT, HEAD_DIM, spec.headDim());
    to.set(JAVA_INT, BLOCK_TOKENS, layout.blockTokens());
    to.set(JAVA_INT, WINDOW, spec.window().positions());
    to.set(JAVA_INT, CHUNKED, spec.window() instanceof AttentionWindow.Chunk ? 1 : 0);
    to.set(JAVA_INT, OUT_STRIDE, out.stride());
    to.set(JAVA_INT, OUT_OPERAND, out.isOperand() ? 1 : 0);
    to.set(JAVA_INT, VALUE_DIM, spec.valueDim());
    to.set(JAVA_FLOAT, SCALE, spec.scale());
    to.set(JAVA_FLOAT, SOFTCAP, spec.softcapped() ? spec.softcap() : 0);
    to.set(JAVA_INT, GROUPS, layout.groups());
    to.set(JAVA_INT, GROUP, layout.group(layer));
  }

  /** Which of the kernels with tensor cores, or −1 for the simple one. */
  private static int tensorChoice(AttentionSpec spec, KvLayout layout, int layer) {
    boolean fits =
        layout.dtype() == DType.BF16
            && layout.layerOffset(layer) % COPIED_TOGETHER == 0
            && layout.blockBytes() % COPIED_TOGETHER == 0
            && !spec.softcapped()
            && spec.valueDim() == spec.headDim()
            && spec.headDim() % TENSOR_STEP == 0
            && spec.group() <= Abi.TILE_QUERIES;
    for (int i = 0; fits && i < TENSOR_HEADS.length; i++) {
      if (spec.headDim() <= TENSOR_HEADS[i]) {
        return i;
      }
    }
    return -1;
  }

  /** The most rows of a tile of a run. */
  static int tileRows(AttentionSpec spec) {
    return Math.max(1, Abi.TILE_QUERIES / spec.group());
  }
}
