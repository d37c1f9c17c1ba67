package dev.serval.gpu.compute;

import dev.serval.api.cache.KvMemory;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.DeltaNetSpec;
import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.StateSpaceSpec;
import dev.serval.api.compute.StepBatch;

/** Layers that carry a state of each sequence along. */
final class StateOperations {
  private final CudaChecks checks;
  private final RecallKernels recalls;
  private final ShortConvolutionKernel shortConvolutions;
  private final StepLaunches launches;

  /** On a backend's stream. */
  StateOperations(
      CudaChecks checks,
      RecallKernels recalls,
      ShortConvolutionKernel shortConvolutions,
      StepLaunches launches) {
    this.checks = checks;
    this.recalls = recalls;
    this.shortConvolutions = shortConvolutions;
    this.launches = launches;
  }

  /** A layer of gated delta networks. */
  void deltaNet(
      StepBatch batch,
      Activations in,
      DeltaNetSpec spec,
      int state,
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
    CudaKvMemory states = checks.states(kv, shape.stateBytes(), state);
    launches.stage(batch, states);
    recalls.deltaNet(spec, vectors, new RecallKernels.Places(input, room, output, states, state));
  }

  /** A layer of state spaces. */
  void stateSpace(
      StepBatch batch,
      Activations in,
      StateSpaceSpec spec,
      int state,
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
    CudaKvMemory states = checks.states(kv, shape.stateBytes(), state);
    launches.stage(batch, states);
    recalls.stateSpace(spec, vectors, new RecallKernels.Places(input, room, output, states, state));
  }

  /** A layer that is a short convolution. */
  void shortConvolution(
      StepBatch batch,
      Activations in,
      ShortConvolutionSpec spec,
      int state,
      KvMemory kv,
      Activations out) {
    CudaActivations input = checks.floats("input", in, batch, 3 * spec.width());
    CudaActivations output = checks.rows("output", out, batch, spec.width());
    long weights = checks.address("kernel", spec.kernel(), spec.taps() * spec.width());
    CudaKvMemory states = checks.states(kv, spec.stateBytes(), state);
    launches.stage(batch, states);
    shortConvolutions.launch(spec, weights, input, output, states, state);
  }
}
