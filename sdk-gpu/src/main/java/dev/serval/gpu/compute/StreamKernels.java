package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;

/** Launches what mixes several residual streams, and what makes rows as large as others. */
final class StreamKernels {
  private static final long RESCALE_STEP = Abi.RESCALE.offset("step");
  private static final long RESCALE_LIKE = Abi.RESCALE.offset("like");
  private static final long RESCALE_ROWS = Abi.RESCALE.offset("rows");
  private static final long RESCALE_COLUMNS = Abi.RESCALE.offset("columns");
  private static final long RESCALE_LIKE_STRIDE = Abi.RESCALE.offset("likeStride");
  private static final long RESCALE_STRIDE = Abi.RESCALE.offset("stride");

  private static final long MIX_STEP = Abi.MIX.offset("step");
  private static final long MIX_SHARES = Abi.MIX.offset("shares");
  private static final long MIX_COLUMNS = Abi.MIX.offset("columns");
  private static final long MIX_STRIDE = Abi.MIX.offset("stride");
  private static final long MIX_SHARES_STRIDE = Abi.MIX.offset("sharesStride");
  private static final long MIX_INS = Abi.MIX.offset("ins");
  private static final long MIX_OUTS = Abi.MIX.offset("outs");
  private static final long MIX_IN = Abi.MIX.offset("in");
  private static final long MIX_OUT = Abi.MIX.offset("out");

  /** Up to so many rows are shared out to several blocks each, of a thread for each column. */
  private static final int FEW_ROWS = 64;

  private static final int BLOCK = 256;

  private final LaunchSite site;
  private final Kernel rescale;
  private final Kernel mix;

  StreamKernels(KernelModule kernels, LaunchSite site) {
    this.site = site;
    rescale = kernels.kernel("rescale");
    mix = kernels.kernel("mix");
  }

  /** Makes rows as large as others. */
  void rescale(CudaActivations like, CudaActivations rows) {
    MemorySegment to = rescale.arguments();
    to.set(JAVA_LONG, RESCALE_STEP, site.step().address());
    to.set(JAVA_LONG, RESCALE_LIKE, like.address());
    to.set(JAVA_LONG, RESCALE_ROWS, rows.address());
    to.set(JAVA_INT, RESCALE_COLUMNS, rows.columns());
    to.set(JAVA_INT, RESCALE_LIKE_STRIDE, like.stride());
    to.set(JAVA_INT, RESCALE_STRIDE, rows.stride());
    rescale.grid(site.bounds().rows(), 1, 1).launch(site.stream());
  }

  /** One of the buffers that are added. */
  void from(int index, CudaActivations rows) {
    mix.arguments().set(JAVA_LONG, MIX_IN + (long) index * Long.BYTES, rows.address());
  }

  /** One of those that they are added to. */
  void to(int index, CudaActivations rows) {
    mix.arguments().set(JAVA_LONG, MIX_OUT + (long) index * Long.BYTES, rows.address());
  }

  /**
   * Adds so many buffers to others, which were named.
   *
   * @param like one of them, which are all alike
   */
  void mix(int ins, CudaActivations shares, int outs, CudaActivations like) {
    MemorySegment to = mix.arguments();
    to.set(JAVA_LONG, MIX_STEP, site.step().address());
    to.set(JAVA_LONG, MIX_SHARES, shares.address());
    to.set(JAVA_INT, MIX_COLUMNS, like.columns());
    to.set(JAVA_INT, MIX_STRIDE, like.stride());
    to.set(JAVA_INT, MIX_SHARES_STRIDE, shares.stride());
    to.set(JAVA_INT, MIX_INS, ins);
    to.set(JAVA_INT, MIX_OUTS, outs);
    int rows = site.bounds().rows();
    int blocks = rows <= FEW_ROWS ? Math.ceilDiv(like.columns(), BLOCK) : 1;
    mix.grid(rows, blocks, 1).launch(site.stream());
  }
}
