package dev.serval.gpu.compute;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.HeadMaps;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import dev.serval.gpu.compute.CudaActivations.Form;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Maps of heads: products of all of them at once, as far as their maps are kept alike. */
final class HeadOperations {
  /** Where a head's columns begin at a multiple of so many, a kernel reads them where they lie. */
  private static final int ALIGNED = 4;

  private final CudaChecks checks;
  private final LaunchSite site;
  private final RowKernels rows;
  private final LinearOperations linear;
  private final HeadKernels kernels;
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
      HeadKernels kernels,
      Consumer<StepBatch> stage) {
    this.checks = checks;
    this.site = site;
    this.rows = rows;
    this.linear = linear;
    this.kernels = kernels;
    this.stage = stage;
  }

  /** Maps heads, and takes over what is kept of them and what lies behind. */
  void map(
      StepBatch batch,
      Activations in,
      HeadMaps maps,
      @Nullable Activations behind,
      Activations out) {
    OperandChecks.requireHeads(batch, in, maps, behind, out);
    CudaActivations input = checks.floats("input", in);
    CudaActivations output = checks.floats("output", out);
    CudaActivations last = behind == null ? null : checks.floats("columns behind", behind);
    List<CudaWeight.Matrix> matrices =
        maps.maps().stream().map(map -> checks.matrix("map of a head", map)).toList();
    stage.accept(batch);
    multiply(input, maps, matrices, output);
    if (maps.kept() > 0) {
      int from = maps.inputStep() - maps.kept();
      int to = maps.outputStep() - maps.kept();
      rows.copy(
          RowKernels.Columns.of(input, from, maps.inputStep()),
          RowKernels.Columns.of(output, to, maps.outputStep()),
          maps.heads(),
          maps.kept());
    }
    if (last != null) {
      rows.copy(
          RowKernels.Columns.of(last, 0, 0),
          RowKernels.Columns.of(output, maps.heads() * maps.outputStep(), 0),
          1,
          last.columns());
    }
  }

  private void multiply(
      CudaActivations in, HeadMaps maps, List<CudaWeight.Matrix> matrices, CudaActivations out) {
    boolean packed = matrices.stream().anyMatch(CudaWeight.Matrix::anyPacked);
    CudaActivations apart = apart(in, maps, packed ? Abi.TILE : ALIGNED);
    LinearOperations.Input given = linear.input(apart, packed);
    int end;
    for (int first = 0; first < maps.heads(); first = end) {
      end = endOfAlike(matrices, first);
      HeadKernels.Places places =
          new HeadKernels.Places(first, apart.columns() / maps.heads(), maps.outputStep());
      List<CudaWeight.Matrix> together = matrices.subList(first, end);
      for (int part = 0; part < together.getFirst().parts().size(); part++) {
        kernels.multiply(together, part, given, places, out);
      }
    }
  }

  /** Behind the last head that a launch may take together with this one. */
  private static int endOfAlike(List<CudaWeight.Matrix> matrices, int first) {
    int most = Math.min(matrices.size(), first + Abi.MAX_HEADS);
    int end = first + 1;
    while (end < most && matrices.get(end).isKeptAs(matrices.get(first))) {
      end++;
    }
    return end;
  }

  /** Each head's columns, a multiple of so many with zeros behind them: the rows if they are so. */
  private CudaActivations apart(CudaActivations in, HeadMaps maps, int multiple) {
    int columns = maps.inputStep() - maps.kept();
    if (columns % multiple == 0 && maps.kept() % multiple == 0) {
      return in;
    }
    int step = Math.ceilDiv(columns, multiple) * multiple;
    int all = maps.heads() * step;
    int stride = CudaActivations.stride(Form.ROWS, 1, all);
    long bytes = (long) site.bounds().rows() * stride * Float.BYTES;
    CudaActivations apart =
        new CudaActivations(
            in.owner(), Form.ROWS, in.maxRows(), all, stride, site.gathered().atLeast(bytes));
    rows.copy(
        RowKernels.Columns.of(in, 0, maps.inputStep()),
        RowKernels.Columns.of(apart, 0, step),
        maps.heads(),
        columns);
    rows.clear(RowKernels.Columns.of(apart, columns, step), maps.heads(), step - columns);
    return apart;
  }
}
