package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.ShortConvolutionSpec;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;

/** Launches layers that are a short convolution. */
final class ShortConvolutionKernel {
  private static final long STEP = Abi.SHORT_CONVOLUTION.offset("step");
  private static final long IN = Abi.SHORT_CONVOLUTION.offset("in");
  private static final long KERNEL = Abi.SHORT_CONVOLUTION.offset("kernel");
  private static final long OUT = Abi.SHORT_CONVOLUTION.offset("out");
  private static final long KV = Abi.SHORT_CONVOLUTION.offset("kv");
  private static final long BLOCK_BYTES = Abi.SHORT_CONVOLUTION.offset("blockBytes");
  private static final long STATE_OFFSET = Abi.SHORT_CONVOLUTION.offset("stateOffset");
  private static final long IN_STRIDE = Abi.SHORT_CONVOLUTION.offset("inStride");
  private static final long OUT_STRIDE = Abi.SHORT_CONVOLUTION.offset("outStride");
  private static final long OUT_OPERAND = Abi.SHORT_CONVOLUTION.offset("outOperand");
  private static final long WIDTH = Abi.SHORT_CONVOLUTION.offset("width");
  private static final long TAPS = Abi.SHORT_CONVOLUTION.offset("taps");
  private static final long BLOCK_TOKENS = Abi.SHORT_CONVOLUTION.offset("blockTokens");
  private static final long GROUPS = Abi.SHORT_CONVOLUTION.offset("groups");
  private static final long GROUP = Abi.SHORT_CONVOLUTION.offset("group");

  /** Columns that a block takes at once: eight for each of its threads. */
  private static final int COLUMNS = 1024;

  private final LaunchSite site;
  private final Kernel kernel;

  ShortConvolutionKernel(KernelModule module, LaunchSite site) {
    this.site = site;
    kernel = module.kernel("short_convolve");
  }

  /** Computes a layer, by what lies at {@code weights}. */
  void launch(
      ShortConvolutionSpec spec,
      long weights,
      CudaActivations in,
      CudaActivations out,
      CudaKvMemory kv,
      int state) {
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, STEP, site.step().address());
    to.set(JAVA_LONG, IN, in.address());
    to.set(JAVA_LONG, KERNEL, weights);
    to.set(JAVA_LONG, OUT, out.address());
    to.set(JAVA_LONG, KV, kv.address());
    to.set(JAVA_LONG, BLOCK_BYTES, kv.layout().blockBytes());
    to.set(JAVA_LONG, STATE_OFFSET, kv.layout().stateOffset(state));
    to.set(JAVA_INT, IN_STRIDE, in.stride());
    to.set(JAVA_INT, OUT_STRIDE, out.stride());
    to.set(JAVA_INT, OUT_OPERAND, out.isOperand() ? 1 : 0);
    to.set(JAVA_INT, WIDTH, spec.width());
    to.set(JAVA_INT, TAPS, spec.taps());
    to.set(JAVA_INT, BLOCK_TOKENS, kv.layout().blockTokens());
    to.set(JAVA_INT, GROUPS, kv.layout().groups());
    to.set(JAVA_INT, GROUP, kv.layout().stateGroup(state));
    int shares = Math.ceilDiv(spec.width(), COLUMNS);
    kernel.grid(site.bounds().rows(), shares, 1).launch(site.stream());
  }
}
