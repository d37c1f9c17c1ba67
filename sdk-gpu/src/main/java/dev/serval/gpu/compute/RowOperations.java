package dev.serval.gpu.compute;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Norm;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.Weight;
import java.util.List;

/** What is done row by row: embeddings, norms, sums, activation functions and gates. */
final class RowOperations {
  private final CudaChecks checks;
  private final RowKernels rows;
  private final StreamKernels streams;
  private final StepGraphs graphs;
  private final StepLaunches launches;

  /** On a backend's stream. */
  RowOperations(
      CudaChecks checks,
      RowKernels rows,
      StreamKernels streams,
      StepGraphs graphs,
      StepLaunches launches) {
    this.checks = checks;
    this.rows = rows;
    this.streams = streams;
    this.graphs = graphs;
    this.launches = launches;
  }

  /** Rows of a table, one for each token. */
  void embed(StepBatch batch, Weight table, Activations out) {
    CudaWeight.Matrix matrix = checks.matrix("embedding table", table);
    CudaActivations output = checks.floats("output", out, batch, table.columns());
    CudaChecks.tokens(batch, launches.stage(batch), matrix.rows());
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.embedded(matrix.rows());
    }
    rows.embed(whole("embedding table", matrix), output);
  }

  /** Rows of a table, one for each token's position. */
  void embedPositions(StepBatch batch, Weight table, Activations out) {
    CudaWeight.Matrix matrix = checks.matrix("table of positions", table);
    CudaActivations output = checks.floats("output", out, batch, table.columns());
    CudaChecks.positions(batch, launches.stage(batch), matrix.rows());
    StepEffects recording = graphs.recording();
    if (recording != null) {
      recording.embeddedPositions(matrix.rows());
    }
    rows.embedPositions(whole("table of positions", matrix), output);
  }

  /** Norms of rows, or of equal parts of them. */
  void norm(StepBatch batch, Activations in, Norm norm, Activations out) {
    int columns = OperandChecks.normColumns(norm, out);
    CudaActivations output = checks.rows("output", out, batch, columns);
    CudaActivations input = checks.floats("input", in, batch, columns);
    if (columns == norm.gain().columns()) {
      normalise(batch, input, norm, output, false);
    } else {
      normaliseParts(batch, input, norm, checks.floats("output", out, batch, columns));
    }
  }

  /** Norms of rows, added to others. */
  void normAdd(StepBatch batch, Activations in, Norm norm, Activations out) {
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

  /** Rows times a factor, added to others. */
  void addScaled(StepBatch batch, Activations in, float factor, Activations out) {
    CudaActivations output = checks.floats("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, output.columns());
    OperandChecks.requireApart(input, output);
    launches.stage(batch);
    rows.addScaled(input, factor, output);
  }

  /** Multiplies rows in place. */
  void scale(StepBatch batch, Activations given, float factor) {
    CudaActivations all = checks.floats("rows", given, batch, given.columns());
    launches.stage(batch);
    rows.scale(all, factor);
  }

  /** Multiplies rows by a vector. */
  void multiply(StepBatch batch, Activations in, Weight factors, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, output.columns());
    CudaWeight.Vector vector = checks.vector("factors", factors, output.columns());
    OperandChecks.requireApart(input, output);
    launches.stage(batch);
    rows.multiply(input, vector, output);
  }

  /** Makes rows as large as others. */
  void rescale(StepBatch batch, Activations like, Activations given) {
    CudaActivations all = checks.floats("rows", given, batch, given.columns());
    CudaActivations wanted = checks.floats("size that is wanted", like, batch, all.columns());
    OperandChecks.requireApart(wanted, all);
    launches.stage(batch);
    streams.rescale(wanted, all);
  }

  /** Adds rows to others by shares. */
  void mix(StepBatch batch, List<Activations> in, Activations by, List<Activations> out) {
    OperandChecks.requireMix(batch, in, by, out);
    CudaActivations shares = checks.floats("shares", by);
    for (int i = 0; i < in.size(); i++) {
      streams.from(i, checks.floats("input", in.get(i)));
    }
    for (int i = 0; i < out.size(); i++) {
      streams.to(i, checks.floats("output", out.get(i)));
    }
    launches.stage(batch);
    streams.mix(in.size(), shares, out.size(), checks.floats("output", out.getFirst()));
  }

  /** Keeps gates that stand out. */
  void sparsify(StepBatch batch, float deviations, Activations gateUp) {
    OperandChecks.requireDeviations(deviations);
    OperandChecks.requirePairs(gateUp);
    CudaActivations all = checks.floats("gates and ups", gateUp, batch, gateUp.columns());
    launches.stage(batch);
    rows.sparsify(all, deviations);
  }

  /** As one row of gates and ups, which are brought together for it. */
  void gateApart(
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

  /** Lets through as much of rows as gates say. */
  void gateOutput(StepBatch batch, Activations gates, Activations in, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, output.columns());
    CudaActivations gating = checks.floats("gates", gates, batch, output.columns());
    OperandChecks.requireApart(gating, output);
    launches.stage(batch);
    rows.gateOutput(gating, input, output);
  }

  /** An activation function of rows. */
  void activate(StepBatch batch, ActivationFunction function, Activations in, Activations out) {
    CudaActivations output = checks.rows("output", out, batch, out.columns());
    CudaActivations input = checks.floats("input", in, batch, function.inputs(output.columns()));
    OperandChecks.requireApart(input, output);
    launches.stage(batch);
    if (function instanceof SparseGate(GateFunction gating, float deviations)) {
      rows.sparsify(input, deviations);
      rows.activate(gating, input, output);
    } else {
      rows.activate(function, input, output);
    }
  }

  /** Brings the rows that logits are wanted of to the front. */
  void gather(StepBatch batch, Activations given) {
    CudaActivations all = checks.floats("rows", given, batch, given.columns());
    launches.stage(batch);
    rows.toFront(all);
  }

  private static CudaWeight.Part whole(String role, CudaWeight.Matrix matrix) {
    if (matrix.parts().size() > 1) {
      throw new IllegalArgumentException(
          "the %s is of several types, %s above %s"
              .formatted(role, matrix.parts().getFirst().type(), matrix.parts().get(1).type()));
    }
    return matrix.parts().getFirst();
  }
}
