package dev.serval.gpu.compute;

import dev.serval.api.compute.Activations;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The products of a step: of which part of a weight, by which kernels, from rows in which form. */
final class LinearOperations {
  private final CudaChecks checks;
  private final LaunchSite site;
  private final StepBounds bounds;
  private final RowKernels rows;
  private final Products products;
  private final @Nullable BlasProducts blas;
  private final Consumer<StepBatch> stage;

  /**
   * On a backend's stream.
   *
   * @param stage sees to it that kernels find a batch on the device; called once what is given was
   *     checked
   */
  LinearOperations(
      CudaChecks checks,
      LaunchSite site,
      StepBounds bounds,
      RowKernels rows,
      Products products,
      @Nullable BlasProducts blas,
      Consumer<StepBatch> stage) {
    this.checks = checks;
    this.site = site;
    this.bounds = bounds;
    this.rows = rows;
    this.products = products;
    this.blas = blas;
    this.stage = stage;
  }

  /** Multiplies rows by a weight, in place of what the output holds or on top of it. */
  void multiply(
      StepBatch batch,
      Activations in,
      Weight weight,
      @Nullable Weight bias,
      Activations out,
      boolean add) {
    CudaWeight.Matrix matrix = checks.matrix("weight", weight);
    CudaActivations input = checks.rows("input", in, batch, matrix.columns());
    CudaActivations output = checks.floats("output", out, batch, matrix.rows());
    OperandChecks.requireApart(input, output);
    long biases = checks.address("bias", bias, matrix.rows());
    stage.accept(batch);
    Input given = input(input, matrix.anyPacked());
    for (int i = 0; i < matrix.parts().size(); i++) {
      CudaWeight.Part part = matrix.parts().get(i);
      long from = given.address(part);
      int stride = given.stride(part);
      if (blas == null || !blas.linear(part, from, stride, biases, output, add)) {
        products.linear(part, from, stride, false, biases, output, add);
      }
    }
  }

  /**
   * Rows on their way to products.
   *
   * @param rows as they were given
   * @param operand where they lie as an operand, if some product takes one
   * @param stride the operand's rows
   */
  record Input(CudaActivations rows, long operand, int stride) {
    /** Where a part of a matrix finds them. */
    long address(CudaWeight.Part part) {
      if (part.type().packed()) {
        return operand;
      }
      requireFloats("input", rows, part);
      return rows.address();
    }

    /** The stride it finds there. */
    int stride(CudaWeight.Part part) {
      return part.type().packed() ? stride : rows.stride();
    }
  }

  /**
   * Rounds rows if need be, until others are rounded; their batch is staged.
   *
   * @param packed whether some product takes an operand
   */
  Input input(CudaActivations in, boolean packed) {
    if (!packed || in.isOperand()) {
      return new Input(in, in.address(), in.stride());
    }
    int stride = operandRows(bounds.rows());
    long operand = operand(stride, in.columns());
    rows.round(in, operand, stride);
    return new Input(in, operand, stride);
  }

  /**
   * Multiplies rows by our own kernels, whose results never depend on what else is in the step.
   *
   * @param bias where what is added lies; 0 for none
   */
  void multiply(CudaWeight.Matrix matrix, long bias, Input in, CudaActivations out) {
    for (int i = 0; i < matrix.parts().size(); i++) {
      CudaWeight.Part part = matrix.parts().get(i);
      products.linear(part, in.address(part), in.stride(part), false, bias, out, false);
    }
  }

  /**
   * Multiplies rows by gates and values at once and gates them, where one kernel can.
   *
   * @return whether it did
   */
  boolean gated(
      StepBatch batch,
      Activations in,
      Weight weight,
      @Nullable Weight bias,
      Activations gates,
      Activations out) {
    CudaWeight.Matrix matrix = checks.matrix("weight", weight);
    CudaActivations input = checks.rows("input", in, batch, matrix.columns());
    CudaActivations between = checks.rows("gates", gates, batch, matrix.rows());
    CudaActivations output = checks.rows("output", out, batch, matrix.rows() / 2);
    boolean ours =
        between.form() == CudaActivations.Form.NOWHERE
            || (blas != null && !blas.takes(batch.rows()));
    if (!ours || !matrix.fuses() || !input.isOperand() || !output.isOperand()) {
      return false;
    }
    long biases = checks.address("bias", bias, matrix.rows());
    stage.accept(batch);
    products.gated(matrix.parts().getFirst(), input, biases, output);
    return true;
  }

  /** Multiplies the rows that want scores by the head; the batch is staged. */
  void project(CudaWeight.Matrix matrix, CudaActivations input, long bias, CudaActivations scores) {
    if (matrix.anyPacked()) {
      int stride = operandRows(bounds.logitRows());
      long operand = operand(stride, input.columns());
      rows.gatherOperand(input, operand, stride);
      project(matrix, true, operand, stride, bias, scores);
    }
    if (!matrix.packed()) {
      int stride = CudaActivations.stride(CudaActivations.Form.ROWS, 1, input.columns());
      long bytes = (long) bounds.logitRows() * stride * Float.BYTES;
      long gathered = site.gathered().atLeast(bytes);
      requireFloats("input of the head", input, matrix.parts().getLast());
      rows.gather(input, gathered, stride);
      project(matrix, false, gathered, stride, bias, scores);
    }
  }

  private void project(
      CudaWeight.Matrix matrix,
      boolean packed,
      long in,
      int stride,
      long bias,
      CudaActivations scores) {
    for (int i = 0; i < matrix.parts().size(); i++) {
      CudaWeight.Part part = matrix.parts().get(i);
      if (part.type().packed() == packed) {
        products.linear(part, in, stride, true, bias, scores, false);
      }
    }
  }

  private static int operandRows(int count) {
    return CudaActivations.stride(CudaActivations.Form.OPERAND, count, 1);
  }

  /** Room for an operand of so many rows, until the next is asked for. */
  private long operand(int count, int columns) {
    return site.operand()
        .atLeast(CudaActivations.bytes(CudaActivations.Form.OPERAND, count, columns));
  }

  private static void requireFloats(String role, CudaActivations in, CudaWeight.Part part) {
    if (in.form() != CudaActivations.Form.ROWS) {
      throw new IllegalArgumentException(
          "the %s was made before a weight of type %s was loaded, and is kept in BF16"
              .formatted(role, part.type()));
    }
  }
}
