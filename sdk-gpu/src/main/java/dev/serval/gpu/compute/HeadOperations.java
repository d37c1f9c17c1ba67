package dev.serval.gpu.compute;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import dev.serval.gpu.compute.CudaActivations.Form;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Maps of heads: a product for each, by the kernels that multiply whole rows. */
final class HeadOperations {
  /** Where a head's columns begin at a multiple of so many, a kernel reads them where they lie. */
  private static final int ALIGNED = 4;

  private final CudaChecks checks;
  private final LaunchSite site;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final Consumer<StepBatch> stage;

  /**
   * On a backend's stream.
   *
   * @param stage sees to it that kernels find a batch on the device
   */
  HeadOperations(
      CudaChecks checks,
      LaunchSite site,
      RowKernels rows,
      LinearOperations linear,
      Consumer<StepBatch> stage) {
    this.checks = checks;
    this.site = site;
    this.rows = rows;
    this.linear = linear;
    this.stage = stage;
  }

  /** Maps heads, and takes over what is kept of them and what lies behind. */
  void map(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out) {
    int heads = maps.heads();
    int rest = behind == null ? 0 : behind.columns();
    CudaActivations input = checks.floats("input", in, batch, heads * maps.inputStep());
    CudaActivations output = checks.floats("output", out, batch, heads * maps.outputStep() + rest);
    OperandChecks.requireApart(input, output);
    CudaActivations last =
        behind == null ? null : checks.floats("columns behind", behind, batch, rest);
    for (int head = 0; head < heads; head++) {
      checks.matrix("map of a head", maps.maps().get(head));
    }
    stage.accept(batch);
    multiply(input, maps, output);
    if (maps.kept() > 0) {
      int from = maps.inputStep() - maps.kept();
      int to = maps.outputStep() - maps.kept();
      rows.copy(
          RowKernels.Columns.of(input, from, maps.inputStep()),
          RowKernels.Columns.of(output, to, maps.outputStep()),
          heads,
          maps.kept());
    }
    if (last != null) {
      rows.copy(
          RowKernels.Columns.of(last, 0, 0),
          RowKernels.Columns.of(output, heads * maps.outputStep(), 0),
          1,
          rest);
    }
  }

  /** Of rows that are rounded once, if each head has tiles of its own then. */
  private void multiply(CudaActivations in, HeadMaps maps, CudaActivations out) {
    int columns = maps.inputStep() - maps.kept();
    CudaWeight.Matrix first = checks.matrix("map of a head", maps.maps().getFirst());
    boolean whole = columns % Abi.TILE == 0 && maps.inputStep() % Abi.TILE == 0;
    LinearOperations.Input rounded = whole && first.anyPacked() ? linear.input(in, true) : null;
    CudaActivations heads = maps.inputStep() % ALIGNED == 0 ? in : apart(in, maps, columns);
    int step = heads.columns() / maps.heads();
    for (int head = 0; head < maps.heads(); head++) {
      CudaWeight.Matrix matrix = checks.matrix("map of a head", maps.maps().get(head));
      CudaActivations own = part(heads, head * step, columns);
      CudaActivations to = part(out, head * maps.outputStep(), matrix.rows());
      linear.multiplyHead(
          matrix,
          rounded == null ? 0 : operand(rounded, head * step),
          rounded == null ? 0 : rounded.stride(),
          own,
          to);
    }
  }

  /** Where a head's tiles begin among those of all. */
  private static long operand(LinearOperations.Input rounded, int column) {
    long tile = (long) rounded.stride() * Abi.TILE * Short.BYTES;
    return rounded.operand() + column / Abi.TILE * tile;
  }

  /** Each head's columns behind the next, from multiples of four on. */
  private CudaActivations apart(CudaActivations in, HeadMaps maps, int columns) {
    int step = Math.ceilDiv(columns, ALIGNED) * ALIGNED;
    int all = maps.heads() * step;
    int stride = CudaActivations.stride(Form.ROWS, 1, all);
    long bytes = (long) site.bounds().rows() * stride * Float.BYTES;
    long room = site.gathered().atLeast(bytes);
    rows.copy(
        RowKernels.Columns.of(in, 0, maps.inputStep()),
        new RowKernels.Columns(room, stride, step),
        maps.heads(),
        columns);
    return new CudaActivations(in.owner(), Form.ROWS, in.maxRows(), all, stride, room);
  }

  private static CudaActivations part(CudaActivations rows, int first, int columns) {
    return new CudaActivations(
        rows.owner(),
        Form.ROWS,
        rows.maxRows(),
        columns,
        rows.stride(),
        rows.address() + (long) first * Float.BYTES);
  }
}
