package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.cache.KvLayout;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;

/** Launches layers whose heads have matrices: gated delta networks and state spaces. */
final class RecallKernels {
  private static final long STEP = Abi.RECALL.offset("step");
  private static final long IN = Abi.RECALL.offset("in");
  private static final long CONVOLUTION = Abi.RECALL.offset("convolution");
  private static final long CONVOLUTION_BIAS = Abi.RECALL.offset("convolutionBias");
  private static final long DECAY = Abi.RECALL.offset("decay");
  private static final long TIME_BIAS = Abi.RECALL.offset("timeBias");
  private static final long SKIP = Abi.RECALL.offset("skip");
  private static final long NORM = Abi.RECALL.offset("norm");
  private static final long BETWEEN = Abi.RECALL.offset("between");
  private static final long OUT = Abi.RECALL.offset("out");
  private static final long KV = Abi.RECALL.offset("kv");
  private static final long BLOCK_BYTES = Abi.RECALL.offset("blockBytes");
  private static final long STATE_OFFSET = Abi.RECALL.offset("stateOffset");
  private static final long IN_STRIDE = Abi.RECALL.offset("inStride");
  private static final long BETWEEN_STRIDE = Abi.RECALL.offset("betweenStride");
  private static final long OUT_STRIDE = Abi.RECALL.offset("outStride");
  private static final long OUT_OPERAND = Abi.RECALL.offset("outOperand");
  private static final long KEY_HEADS = Abi.RECALL.offset("keyHeads");
  private static final long VALUE_HEADS = Abi.RECALL.offset("valueHeads");
  private static final long KEY_DIM = Abi.RECALL.offset("keyDim");
  private static final long VALUE_DIM = Abi.RECALL.offset("valueDim");
  private static final long TAPS = Abi.RECALL.offset("taps");
  private static final long TILED = Abi.RECALL.offset("tiled");
  private static final long NORM_PARTS = Abi.RECALL.offset("normParts");
  private static final long BLOCK_TOKENS = Abi.RECALL.offset("blockTokens");
  private static final long GROUPS = Abi.RECALL.offset("groups");
  private static final long GROUP = Abi.RECALL.offset("group");
  private static final long EPSILON = Abi.RECALL.offset("epsilon");

  /** Columns of a head's matrix that a block takes. */
  private static final int COLUMNS = 32;

  /** Channels of which a block keeps what later convolutions need. */
  private static final int KEPT_CHANNELS = 128;

  /** Channels that a warp brings through the convolution at once. */
  private static final int CONVOLVED_CHANNELS = 128;

  /** Up to so many rows, the parts of a row are shared out among blocks. */
  private static final int FEW_ROWS = 64;

  /** The parts of a share. */
  private static final int SHARE = 8;

  private final LaunchSite site;
  private final Kind deltaNets;
  private final Kind stateSpaces;

  RecallKernels(KernelModule module, LaunchSite site) {
    this.site = site;
    deltaNets = new Kind(module, "delta_", 64, 128);
    stateSpaces = new Kind(module, "state_", 128, 256);
  }

  /** The kernels for layers of one kind. */
  private static final class Kind {
    private final Kernel convolve;
    private final int[] heldRows;
    private final Kernel[] held;
    private final Kernel any;
    private final Kernel gate;

    /** {@code heldRows}: the most rows of a matrix that registers hold, by kernel. */
    Kind(KernelModule module, String prefix, int... heldRows) {
      convolve = module.kernel(prefix + "convolve");
      this.heldRows = heldRows;
      held = new Kernel[heldRows.length];
      for (int i = 0; i < held.length; i++) {
        held[i] = module.kernel(prefix + "recall_" + heldRows[i]);
      }
      any = module.kernel(prefix + "recall_any");
      gate = module.kernel(prefix + "gate");
    }

    Kernel recall(int rows) {
      for (int i = 0; i < held.length; i++) {
        if (rows <= heldRows[i]) {
          return held[i];
        }
      }
      return any;
    }
  }

  /** Where the vectors of a layer lie; 0 for those that it does not have. */
  record Vectors(
      long convolution, long convolutionBias, long decay, long timeBias, long skip, long norm) {}

  /** What a layer reads and writes. */
  record Places(
      CudaActivations in,
      CudaActivations between,
      CudaActivations out,
      CudaKvMemory kv,
      int state) {}

  /** What is alike in layers of both kinds. */
  private record Sizes(
      int keyHeads,
      int valueHeads,
      int keyDim,
      int valueDim,
      int taps,
      boolean tiled,
      int normParts,
      float epsilon) {}

  /** Computes a layer of gated delta networks. */
  void deltaNet(DeltaNetSpec spec, Vectors vectors, Places places) {
    DeltaNetShape shape = spec.shape();
    Sizes sizes =
        new Sizes(
            shape.keyHeads(),
            shape.valueHeads(),
            shape.keyDim(),
            shape.valueDim(),
            shape.taps(),
            spec.tiled(),
            shape.valueHeads(),
            spec.epsilon());
    int values = Math.ceilDiv(shape.valueColumns(), CONVOLVED_CHANNELS);
    launch(deltaNets, 2 * shape.keyHeads() + values, sizes, vectors, places);
  }

  /** Computes a layer of state spaces. */
  void stateSpace(StateSpaceSpec spec, Vectors vectors, Places places) {
    StateSpaceShape shape = spec.shape();
    Sizes sizes =
        new Sizes(
            shape.groups(),
            shape.heads(),
            shape.stateDim(),
            shape.headDim(),
            shape.taps(),
            false,
            spec.norm() == null ? shape.heads() : spec.normGroups(),
            spec.epsilon());
    int convolved = Math.ceilDiv(shape.channels(), CONVOLVED_CHANNELS);
    launch(stateSpaces, convolved, sizes, vectors, places);
  }

  /** {@code convolved}: into how many parts the convolution cuts a row. */
  private void launch(Kind kind, int convolved, Sizes sizes, Vectors vectors, Places places) {
    int rows = site.bounds().rows();
    fill(kind.convolve.arguments(), sizes, vectors, places);
    kind.convolve.grid(rows, shares(rows, convolved), 1).launch(site.stream());

    Kernel recall = kind.recall(sizes.keyDim());
    int columns = sizes.valueHeads() * Math.ceilDiv(sizes.valueDim(), COLUMNS);
    int channels = places.between().columns();
    int kept = sizes.taps() == 1 ? 0 : Math.ceilDiv(channels, KEPT_CHANNELS);
    fill(recall.arguments(), sizes, vectors, places);
    recall.grid(site.bounds().sequences(), columns + kept, 1).launch(site.stream());

    fill(kind.gate.arguments(), sizes, vectors, places);
    kind.gate.grid(rows, shares(rows, sizes.normParts()), 1).launch(site.stream());
  }

  private static int shares(int rows, int parts) {
    return rows > FEW_ROWS ? 1 : Math.ceilDiv(parts, SHARE);
  }

  private void fill(MemorySegment to, Sizes sizes, Vectors vectors, Places places) {
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, IN, places.in().address());
    to.set(JAVA_LONG, CONVOLUTION, vectors.convolution());
    to.set(JAVA_LONG, CONVOLUTION_BIAS, vectors.convolutionBias());
    to.set(JAVA_LONG, DECAY, vectors.decay());
    to.set(JAVA_LONG, TIME_BIAS, vectors.timeBias());
    to.set(JAVA_LONG, SKIP, vectors.skip());
    to.set(JAVA_LONG, NORM, vectors.norm());
    to.set(JAVA_LONG, BETWEEN, places.between().address());
    to.set(JAVA_LONG, OUT, places.out().address());
    KvLayout layout = places.kv().layout();
    to.set(JAVA_LONG, KV, places.kv().address());
    to.set(JAVA_LONG, BLOCK_BYTES, layout.blockBytes());
    to.set(JAVA_LONG, STATE_OFFSET, layout.stateOffset(places.state()));
    to.set(JAVA_INT, IN_STRIDE, places.in().stride());
    to.set(JAVA_INT, BETWEEN_STRIDE, places.between().stride());
    to.set(JAVA_INT, OUT_STRIDE, places.out().stride());
    to.set(JAVA_INT, OUT_OPERAND, places.out().isOperand() ? 1 : 0);
    to.set(JAVA_INT, KEY_HEADS, sizes.keyHeads());
    to.set(JAVA_INT, VALUE_HEADS, sizes.valueHeads());
    to.set(JAVA_INT, KEY_DIM, sizes.keyDim());
    to.set(JAVA_INT, VALUE_DIM, sizes.valueDim());
    to.set(JAVA_INT, TAPS, sizes.taps());
    to.set(JAVA_INT, TILED, sizes.tiled() ? 1 : 0);
    to.set(JAVA_INT, NORM_PARTS, sizes.normParts());
    to.set(JAVA_INT, BLOCK_TOKENS, layout.blockTokens());
    to.set(JAVA_INT, GROUPS, layout.groups());
    to.set(JAVA_INT, GROUP, layout.stateGroup(places.state()));
    to.set(JAVA_FLOAT, EPSILON, sizes.epsilon());
  }
}
