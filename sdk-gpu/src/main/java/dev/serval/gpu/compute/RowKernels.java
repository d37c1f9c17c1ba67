package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Launches what is done row by row: embedding, norms, sums, softcaps, rounding, gathering,
 * activation functions, gates of outputs.
 */
final class RowKernels {
  private static final long EMBED_STEP = Abi.EMBED.offset("step");
  private static final long EMBED_TABLE = Abi.EMBED.offset("table");
  private static final long EMBED_OUT = Abi.EMBED.offset("out");
  private static final long EMBED_COLUMNS = Abi.EMBED.offset("columns");
  private static final long EMBED_TABLE_STRIDE = Abi.EMBED.offset("tableStride");
  private static final long EMBED_OUT_STRIDE = Abi.EMBED.offset("outStride");
  private static final long EMBED_OF_POSITIONS = Abi.EMBED.offset("ofPositions");

  private static final long NORM_STEP = Abi.RMS_NORM.offset("step");
  private static final long NORM_IN = Abi.RMS_NORM.offset("in");
  private static final long NORM_GAIN = Abi.RMS_NORM.offset("gain");
  private static final long NORM_OUT = Abi.RMS_NORM.offset("out");
  private static final long NORM_COLUMNS = Abi.RMS_NORM.offset("columns");
  private static final long NORM_IN_STRIDE = Abi.RMS_NORM.offset("inStride");
  private static final long NORM_OUT_STRIDE = Abi.RMS_NORM.offset("outStride");
  private static final long NORM_EPSILON = Abi.RMS_NORM.offset("epsilon");

  private static final long LAYER_STEP = Abi.LAYER_NORM.offset("step");
  private static final long LAYER_IN = Abi.LAYER_NORM.offset("in");
  private static final long LAYER_GAIN = Abi.LAYER_NORM.offset("gain");
  private static final long LAYER_BIAS = Abi.LAYER_NORM.offset("bias");
  private static final long LAYER_OUT = Abi.LAYER_NORM.offset("out");
  private static final long LAYER_COLUMNS = Abi.LAYER_NORM.offset("columns");
  private static final long LAYER_IN_STRIDE = Abi.LAYER_NORM.offset("inStride");
  private static final long LAYER_OUT_STRIDE = Abi.LAYER_NORM.offset("outStride");
  private static final long LAYER_EPSILON = Abi.LAYER_NORM.offset("epsilon");

  private static final long ADD_STEP = Abi.ADD_SCALED.offset("step");
  private static final long ADD_IN = Abi.ADD_SCALED.offset("in");
  private static final long ADD_OUT = Abi.ADD_SCALED.offset("out");
  private static final long ADD_COLUMNS = Abi.ADD_SCALED.offset("columns");
  private static final long ADD_IN_STRIDE = Abi.ADD_SCALED.offset("inStride");
  private static final long ADD_OUT_STRIDE = Abi.ADD_SCALED.offset("outStride");
  private static final long ADD_FACTOR = Abi.ADD_SCALED.offset("factor");

  private static final long MULTIPLY_STEP = Abi.MULTIPLY.offset("step");
  private static final long MULTIPLY_IN = Abi.MULTIPLY.offset("in");
  private static final long MULTIPLY_FACTORS = Abi.MULTIPLY.offset("factors");
  private static final long MULTIPLY_OUT = Abi.MULTIPLY.offset("out");
  private static final long MULTIPLY_COLUMNS = Abi.MULTIPLY.offset("columns");
  private static final long MULTIPLY_IN_STRIDE = Abi.MULTIPLY.offset("inStride");
  private static final long MULTIPLY_OUT_STRIDE = Abi.MULTIPLY.offset("outStride");
  private static final long MULTIPLY_OUT_OPERAND = Abi.MULTIPLY.offset("outOperand");

  private static final long SPARSIFY_STEP = Abi.SPARSIFY.offset("step");
  private static final long SPARSIFY_GATES = Abi.SPARSIFY.offset("gates");
  private static final long SPARSIFY_COLUMNS = Abi.SPARSIFY.offset("columns");
  private static final long SPARSIFY_STRIDE = Abi.SPARSIFY.offset("stride");
  private static final long SPARSIFY_DEVIATIONS = Abi.SPARSIFY.offset("deviations");

  private static final long SOFTCAP_STEP = Abi.SOFTCAP.offset("step");
  private static final long SOFTCAP_SCORES = Abi.SOFTCAP.offset("scores");
  private static final long SOFTCAP_COLUMNS = Abi.SOFTCAP.offset("columns");
  private static final long SOFTCAP_STRIDE = Abi.SOFTCAP.offset("stride");
  private static final long SOFTCAP_CAP = Abi.SOFTCAP.offset("cap");

  private static final long ROUND_STEP = Abi.ROUND.offset("step");
  private static final long ROUND_IN = Abi.ROUND.offset("in");
  private static final long ROUND_OUT = Abi.ROUND.offset("out");
  private static final long ROUND_COLUMNS = Abi.ROUND.offset("columns");
  private static final long ROUND_IN_STRIDE = Abi.ROUND.offset("inStride");
  private static final long ROUND_OUT_STRIDE = Abi.ROUND.offset("outStride");

  private static final long COPY_STEP = Abi.COPY_COLUMNS.offset("step");
  private static final long COPY_IN = Abi.COPY_COLUMNS.offset("in");
  private static final long COPY_OUT = Abi.COPY_COLUMNS.offset("out");
  private static final long COPY_IN_STRIDE = Abi.COPY_COLUMNS.offset("inStride");
  private static final long COPY_OUT_STRIDE = Abi.COPY_COLUMNS.offset("outStride");
  private static final long COPY_PARTS = Abi.COPY_COLUMNS.offset("parts");
  private static final long COPY_COLUMNS = Abi.COPY_COLUMNS.offset("columns");
  private static final long COPY_IN_STEP = Abi.COPY_COLUMNS.offset("inStep");
  private static final long COPY_OUT_STEP = Abi.COPY_COLUMNS.offset("outStep");
  private static final long COPY_FACTOR = Abi.COPY_COLUMNS.offset("factor");

  private static final long GATE_STEP = Abi.GATED.offset("step");
  private static final long GATE_IN = Abi.GATED.offset("in");
  private static final long GATE_OUT = Abi.GATED.offset("out");
  private static final long GATE_COLUMNS = Abi.GATED.offset("columns");
  private static final long GATE_IN_STRIDE = Abi.GATED.offset("inStride");
  private static final long GATE_OUT_STRIDE = Abi.GATED.offset("outStride");
  private static final long GATE_OUT_OPERAND = Abi.GATED.offset("outOperand");

  private static final long OUTPUT_STEP = Abi.GATE_OUTPUT.offset("step");
  private static final long OUTPUT_GATES = Abi.GATE_OUTPUT.offset("gates");
  private static final long OUTPUT_IN = Abi.GATE_OUTPUT.offset("in");
  private static final long OUTPUT_OUT = Abi.GATE_OUTPUT.offset("out");
  private static final long OUTPUT_COLUMNS = Abi.GATE_OUTPUT.offset("columns");
  private static final long OUTPUT_GATES_STRIDE = Abi.GATE_OUTPUT.offset("gatesStride");
  private static final long OUTPUT_IN_STRIDE = Abi.GATE_OUTPUT.offset("inStride");
  private static final long OUTPUT_OUT_STRIDE = Abi.GATE_OUTPUT.offset("outStride");
  private static final long OUTPUT_OUT_OPERAND = Abi.GATE_OUTPUT.offset("outOperand");

  /** Scores that a block keeps small: four for each of its threads. */
  private static final int SOFTCAP_BLOCK = 1024;

  private final LaunchSite site;
  private final Map<MatrixType, Kernel> embeds = new EnumMap<>(MatrixType.class);
  private final Kernel normRows;
  private final Kernel normOperand;
  private final Kernel normAdd;
  private final Kernel layerNormRows;
  private final Kernel layerNormOperand;
  private final Kernel layerNormAdd;
  private final Kernel addScaled;
  private final Kernel multiply;
  private final Kernel sparsify;
  private final Kernel softcap;
  private final Kernel round;
  private final Kernel roundGather;
  private final Kernel gather;
  private final Kernel gatherOperand;
  private final Map<ActivationFunction, Kernel> activations = new HashMap<>();
  private final Kernel copyColumns;
  private final Kernel gateOutput;

  RowKernels(KernelModule kernels, LaunchSite site) {
    this.site = site;
    for (MatrixType type : MatrixType.values()) {
      embeds.put(type, kernels.kernel("embed_" + type.kernelName()));
    }
    normRows = kernels.kernel("rms_norm");
    normOperand = kernels.kernel("rms_norm_operand");
    normAdd = kernels.kernel("rms_norm_add");
    layerNormRows = kernels.kernel("layer_norm");
    layerNormOperand = kernels.kernel("layer_norm_operand");
    layerNormAdd = kernels.kernel("layer_norm_add");
    addScaled = kernels.kernel("add_scaled");
    multiply = kernels.kernel("multiply_rows");
    sparsify = kernels.kernel("sparsify");
    softcap = kernels.kernel("softcap");
    round = kernels.kernel("round_operand");
    roundGather = kernels.kernel("round_gather");
    gather = kernels.kernel("gather");
    gatherOperand = kernels.kernel("gather_operand");
    activations.put(GateFunction.SILU, kernels.kernel("gated_silu"));
    activations.put(GateFunction.GELU_TANH, kernels.kernel("gated_gelu"));
    activations.put(GateFunction.SWIGLU_OAI, kernels.kernel("gated_swiglu_oai"));
    activations.put(UngatedFunction.GELU_TANH, kernels.kernel("ungated_gelu"));
    activations.put(UngatedFunction.GELU, kernels.kernel("ungated_gelu_exact"));
    activations.put(UngatedFunction.RELU_SQUARED, kernels.kernel("ungated_relu_squared"));
    activations.put(UngatedFunction.TANH, kernels.kernel("ungated_tanh"));
    copyColumns = kernels.kernel("copy_columns");
    gateOutput = kernels.kernel("gate_output");
  }

  /** A row of the table for each token. */
  void embed(CudaWeight.Part table, CudaActivations out) {
    embed(table, out, false);
  }

  /** A row of the table for each position. */
  void embedPositions(CudaWeight.Part table, CudaActivations out) {
    embed(table, out, true);
  }

  private void embed(CudaWeight.Part table, CudaActivations out, boolean ofPositions) {
    Kernel kernel = Objects.requireNonNull(embeds.get(table.type()));
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, EMBED_STEP, site.step().address());
    to.set(JAVA_LONG, EMBED_TABLE, table.address());
    to.set(JAVA_LONG, EMBED_OUT, out.address());
    to.set(JAVA_INT, EMBED_COLUMNS, table.columns());
    to.set(JAVA_INT, EMBED_TABLE_STRIDE, table.stride());
    to.set(JAVA_INT, EMBED_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, EMBED_OF_POSITIONS, ofPositions ? 1 : 0);
    kernel.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Norms of rows, to rows or to an operand, or added to rows. */
  void norm(
      CudaActivations in, CudaWeight.Vector gain, float epsilon, CudaActivations out, boolean add) {
    Kernel kernel = add ? normAdd : out.isOperand() ? normOperand : normRows;
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, NORM_IN, in.address());
    to.set(JAVA_LONG, NORM_OUT, out.address());
    norm(kernel, in.stride(), out.stride(), gain, epsilon);
  }

  /** Norms of as many of a row's columns as there are gains, to the same ones of others. */
  void normPart(
      CudaActivations in, CudaActivations out, int from, CudaWeight.Vector gain, float epsilon) {
    MemorySegment to = normRows.arguments();
    to.set(JAVA_LONG, NORM_IN, in.address() + (long) from * Float.BYTES);
    to.set(JAVA_LONG, NORM_OUT, out.address() + (long) from * Float.BYTES);
    norm(normRows, in.stride(), out.stride(), gain, epsilon);
  }

  private void norm(
      Kernel kernel, int inStride, int outStride, CudaWeight.Vector gain, float epsilon) {
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, NORM_STEP, site.step().address());
    to.set(JAVA_LONG, NORM_GAIN, gain.address());
    to.set(JAVA_INT, NORM_COLUMNS, gain.columns());
    to.set(JAVA_INT, NORM_IN_STRIDE, inStride);
    to.set(JAVA_INT, NORM_OUT_STRIDE, outStride);
    to.set(JAVA_FLOAT, NORM_EPSILON, epsilon);
    kernel.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Norms of rows from their means, likewise; the bias is 0 for none. */
  void layerNorm(
      CudaActivations in,
      CudaWeight.Vector gain,
      long bias,
      float epsilon,
      CudaActivations out,
      boolean add) {
    Kernel kernel = add ? layerNormAdd : out.isOperand() ? layerNormOperand : layerNormRows;
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, LAYER_STEP, site.step().address());
    to.set(JAVA_LONG, LAYER_IN, in.address());
    to.set(JAVA_LONG, LAYER_GAIN, gain.address());
    to.set(JAVA_LONG, LAYER_BIAS, bias);
    to.set(JAVA_LONG, LAYER_OUT, out.address());
    to.set(JAVA_INT, LAYER_COLUMNS, gain.columns());
    to.set(JAVA_INT, LAYER_IN_STRIDE, in.stride());
    to.set(JAVA_INT, LAYER_OUT_STRIDE, out.stride());
    to.set(JAVA_FLOAT, LAYER_EPSILON, epsilon);
    kernel.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Rows times a factor, added to rows. */
  void addScaled(CudaActivations in, float factor, CudaActivations out) {
    MemorySegment to = addScaled.arguments();
    to.set(JAVA_LONG, ADD_STEP, site.step().address());
    to.set(JAVA_LONG, ADD_IN, in.address());
    to.set(JAVA_LONG, ADD_OUT, out.address());
    to.set(JAVA_INT, ADD_COLUMNS, in.columns());
    to.set(JAVA_INT, ADD_IN_STRIDE, in.stride());
    to.set(JAVA_INT, ADD_OUT_STRIDE, out.stride());
    to.set(JAVA_FLOAT, ADD_FACTOR, factor);
    addScaled.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Rows times a vector, to rows or to an operand. */
  void multiply(CudaActivations in, CudaWeight.Vector factors, CudaActivations out) {
    MemorySegment to = multiply.arguments();
    to.set(JAVA_LONG, MULTIPLY_STEP, site.step().address());
    to.set(JAVA_LONG, MULTIPLY_IN, in.address());
    to.set(JAVA_LONG, MULTIPLY_FACTORS, factors.address());
    to.set(JAVA_LONG, MULTIPLY_OUT, out.address());
    to.set(JAVA_INT, MULTIPLY_COLUMNS, in.columns());
    to.set(JAVA_INT, MULTIPLY_IN_STRIDE, in.stride());
    to.set(JAVA_INT, MULTIPLY_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, MULTIPLY_OUT_OPERAND, out.isOperand() ? 1 : 0);
    multiply.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Keeps gates that stand out from the others of their row. */
  void sparsify(CudaActivations gateUp, float deviations) {
    MemorySegment to = sparsify.arguments();
    to.set(JAVA_LONG, SPARSIFY_STEP, site.step().address());
    to.set(JAVA_LONG, SPARSIFY_GATES, gateUp.address());
    to.set(JAVA_INT, SPARSIFY_COLUMNS, gateUp.columns() / 2);
    to.set(JAVA_INT, SPARSIFY_STRIDE, gateUp.stride());
    to.set(JAVA_FLOAT, SPARSIFY_DEVIATIONS, deviations);
    sparsify.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Keeps scores small. */
  void softcap(CudaActivations scores, float cap) {
    MemorySegment to = softcap.arguments();
    to.set(JAVA_LONG, SOFTCAP_STEP, site.step().address());
    to.set(JAVA_LONG, SOFTCAP_SCORES, scores.address());
    to.set(JAVA_INT, SOFTCAP_COLUMNS, scores.columns());
    to.set(JAVA_INT, SOFTCAP_STRIDE, scores.stride());
    to.set(JAVA_FLOAT, SOFTCAP_CAP, cap);
    int blocks = Math.ceilDiv(scores.columns(), SOFTCAP_BLOCK);
    softcap.grid(blocks, logitRows(), 1).launch(site.stream());
  }

  /**
   * Where equally many columns lie of each of several parts of rows.
   *
   * @param address where those of the first row's first part begin
   * @param stride elements from one row to the next
   * @param step elements from one part to the next
   */
  record Columns(long address, int stride, int step) {
    /** Those that begin with this column of rows. */
    static Columns of(CudaActivations rows, int first, int step) {
      return new Columns(rows.address() + (long) first * Float.BYTES, rows.stride(), step);
    }
  }

  /** So many columns of each of so many parts of rows to others. */
  void copy(Columns in, Columns out, int parts, int columns) {
    copy(in, out, parts, columns, 1);
  }

  /** Makes so many columns of each of so many parts of rows 0. */
  void clear(Columns rows, int parts, int columns) {
    copy(rows, rows, parts, columns, 0);
  }

  /** Multiplies rows in place. */
  void scale(CudaActivations rows, float factor) {
    Columns all = Columns.of(rows, 0, 0);
    copy(all, all, 1, rows.columns(), factor);
  }

  private void copy(Columns in, Columns out, int parts, int columns, float factor) {
    MemorySegment to = copyColumns.arguments();
    to.set(JAVA_LONG, COPY_STEP, site.step().address());
    to.set(JAVA_LONG, COPY_IN, in.address());
    to.set(JAVA_LONG, COPY_OUT, out.address());
    to.set(JAVA_INT, COPY_IN_STRIDE, in.stride());
    to.set(JAVA_INT, COPY_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, COPY_PARTS, parts);
    to.set(JAVA_INT, COPY_COLUMNS, columns);
    to.set(JAVA_INT, COPY_IN_STEP, in.step());
    to.set(JAVA_INT, COPY_OUT_STEP, out.step());
    to.set(JAVA_FLOAT, COPY_FACTOR, factor);
    copyColumns.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** Rows to an operand. */
  void round(CudaActivations in, long out, int outStride) {
    copy(round, in, out, outStride, site.bounds().rows());
  }

  /** The rows whose scores are wanted, one after the other, to an operand. */
  void gatherOperand(CudaActivations in, long out, int outStride) {
    copy(in.isOperand() ? gatherOperand : roundGather, in, out, outStride, logitRows());
  }

  /** The rows whose scores are wanted, one after the other. */
  void gather(CudaActivations in, long out, int outStride) {
    copy(gather, in, out, outStride, logitRows());
  }

  /** The same, in their own place: by way of another, as no order of blocks is given. */
  void toFront(CudaActivations rows) {
    long bytes = (long) logitRows() * rows.stride() * Float.BYTES;
    if (bytes > 0) {
      long gathered = site.gathered().atLeast(bytes);
      gather(rows, gathered, rows.stride());
      site.stream().copyOnDevice(rows.address(), gathered, bytes);
    }
  }

  private int logitRows() {
    return site.bounds().logitRows();
  }

  private void copy(Kernel kernel, CudaActivations in, long out, int outStride, int rows) {
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, ROUND_STEP, site.step().address());
    to.set(JAVA_LONG, ROUND_IN, in.address());
    to.set(JAVA_LONG, ROUND_OUT, out);
    to.set(JAVA_INT, ROUND_COLUMNS, in.columns());
    to.set(JAVA_INT, ROUND_IN_STRIDE, in.stride());
    to.set(JAVA_INT, ROUND_OUT_STRIDE, outStride);
    kernel.grid(rows, 1, 1).launch(site.stream());
  }

  /** An activation function of rows, to rows or to an operand. */
  void activate(ActivationFunction function, CudaActivations in, CudaActivations out) {
    activate(function, site.step().address(), site.bounds().rows(), in, out);
  }

  /**
   * Likewise, of what stands for a step.
   *
   * @param step where its rows are told
   * @param most how many there are at most
   */
  void activate(
      ActivationFunction function, long step, int most, CudaActivations in, CudaActivations out) {
    Kernel kernel = Objects.requireNonNull(activations.get(function));
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, GATE_STEP, step);
    to.set(JAVA_LONG, GATE_IN, in.address());
    to.set(JAVA_LONG, GATE_OUT, out.address());
    to.set(JAVA_INT, GATE_COLUMNS, out.columns());
    to.set(JAVA_INT, GATE_IN_STRIDE, in.stride());
    to.set(JAVA_INT, GATE_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, GATE_OUT_OPERAND, out.isOperand() ? 1 : 0);
    kernel.grid(most, 1, 1).launch(site.stream());
  }

  /** Gates, and as many columns of other rows behind them, in room that the next may use. */
  CudaActivations together(CudaActivations gates, CudaActivations ups, int first) {
    int columns = gates.columns();
    int stride = CudaActivations.stride(CudaActivations.Form.ROWS, 1, 2 * columns);
    long bytes = (long) site.bounds().rows() * stride * Float.BYTES;
    CudaActivations both =
        new CudaActivations(
            gates.owner(),
            CudaActivations.Form.ROWS,
            gates.maxRows(),
            2 * columns,
            stride,
            site.gathered().atLeast(bytes));
    copy(Columns.of(gates, 0, 0), Columns.of(both, 0, 0), 1, columns);
    copy(Columns.of(ups, first, 0), Columns.of(both, columns, 0), 1, columns);
    return both;
  }

  /** Lets rows through as gates say, to rows or to an operand. */
  void gateOutput(CudaActivations gates, CudaActivations in, CudaActivations out) {
    MemorySegment to = gateOutput.arguments();
    to.set(JAVA_LONG, OUTPUT_STEP, site.step().address());
    to.set(JAVA_LONG, OUTPUT_GATES, gates.address());
    to.set(JAVA_LONG, OUTPUT_IN, in.address());
    to.set(JAVA_LONG, OUTPUT_OUT, out.address());
    to.set(JAVA_INT, OUTPUT_COLUMNS, out.columns());
    to.set(JAVA_INT, OUTPUT_GATES_STRIDE, gates.stride());
    to.set(JAVA_INT, OUTPUT_IN_STRIDE, in.stride());
    to.set(JAVA_INT, OUTPUT_OUT_STRIDE, out.stride());
    to.set(JAVA_INT, OUTPUT_OUT_OPERAND, out.isOperand() ? 1 : 0);
    gateOutput.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }
}
