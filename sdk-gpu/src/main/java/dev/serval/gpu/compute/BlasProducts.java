package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.device.OutOfNativeMemoryException;
import dev.serval.api.gpu.RegionPool;
import dev.serval.gpu.blas.BlasException;
import dev.serval.gpu.blas.BlasHandle;
import dev.serval.gpu.blas.BlasProduct;
import dev.serval.gpu.blas.BlasShape;
import dev.serval.gpu.driver.Kernel;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Products of many tokens by cuBLASLt. It knows no tiles, so a weight is kept a second time, as
 * rows, from its first product on, as far as there is room; inputs are brought to rows each time.
 * What cannot be done here is left to the project's own kernels.
 */
final class BlasProducts implements AutoCloseable {
  private static final long WORKSPACE = 32 << 20;
  private static final int SHAPES = 64;
  private static final int ALIGNED = 4;

  private static final long SOURCE = Abi.UNPACK.offset("source");
  private static final long TARGET = Abi.UNPACK.offset("target");
  private static final long K_TILES = Abi.UNPACK.offset("kTiles");
  private static final long TILE_ROWS = Abi.UNPACK.offset("tileRows");

  private final BlasHandle handle;
  private final int leastTokens;
  private final LaunchSite site;
  private final RegionPool room;
  private final GrowingBuffer inputs;
  private final Kernel unpack;
  private final Map<Long, Long> weights = new HashMap<>();
  private final LinkedHashMap<BlasShape, Optional<BlasProduct>> products =
      new LinkedHashMap<>(16, 0.75f, true);
  private @Nullable Long workspace;

  /**
   * With nothing prepared yet.
   *
   * @param handle the library at work
   * @param leastTokens how many tokens a product has at least
   * @param site what launches share
   * @param room where memory is taken
   * @param inputs room for inputs as rows
   * @param module the project's kernels
   */
  BlasProducts(
      BlasHandle handle,
      int leastTokens,
      LaunchSite site,
      RegionPool room,
      GrowingBuffer inputs,
      KernelModule module) {
    this.handle = handle;
    this.leastTokens = leastTokens;
    this.site = site;
    this.room = room;
    this.inputs = inputs;
    unpack = module.kernel("unpack_bf16");
  }

  /** Whether steps of so many tokens are for this. */
  boolean takes(int tokens) {
    return tokens >= leastTokens;
  }

  /**
   * A product of the step's tokens with a part of a matrix.
   *
   * @return whether it was done; if not, nothing was
   */
  boolean linear(
      CudaWeight.Part part, long operand, int rows, long bias, CudaActivations out, boolean add) {
    int tokens = site.bounds().rows();
    if (!takes(tokens) || part.type() != MatrixType.BF16 || part.firstRow() % ALIGNED != 0) {
      return false;
    }
    int depth = part.stride() * Abi.TILE;
    BlasProduct product =
        product(new BlasShape(part.rows(), tokens, depth, out.stride(), bias != 0, add));
    long weight = product == null ? 0 : weight(part);
    if (product == null || weight == 0) {
      return false;
    }
    long in = inputs.atLeast((long) tokens * depth * Short.BYTES);
    unpack(operand, in, part.stride(), rows, tokens);
    long offset = (long) part.firstRow() * Float.BYTES;
    product.launch(weight, in, bias + offset, out.address() + offset, workspace(), site.stream());
    return true;
  }

  private @Nullable BlasProduct product(BlasShape shape) {
    Optional<BlasProduct> known = products.get(shape);
    if (known == null) {
      known = prepare(shape);
      products.put(shape, known);
      forgetOldest();
    }
    return known.orElse(null);
  }

  private Optional<BlasProduct> prepare(BlasShape shape) {
    try {
      return Optional.of(handle.product(shape, workspace() == 0 ? 0 : WORKSPACE));
    } catch (BlasException e) {
      return Optional.empty();
    }
  }

  private void forgetOldest() {
    if (products.size() > SHAPES) {
      Optional<BlasProduct> oldest = products.pollFirstEntry().getValue();
      oldest.ifPresent(BlasProduct::close);
    }
  }

  /** Where the library may write meanwhile; 0 where there was no room. */
  private long workspace() {
    Long known = workspace;
    if (known == null) {
      known = taken(WORKSPACE);
      workspace = known;
    }
    return known;
  }

  /** Where a weight lies as rows; 0 where there was no room. */
  private long weight(CudaWeight.Part part) {
    return weights.computeIfAbsent(part.address(), _ -> unpacked(part));
  }

  private long unpacked(CudaWeight.Part part) {
    long bytes = (long) part.rows() * part.stride() * Abi.TILE * Short.BYTES;
    long address = taken(bytes);
    if (address != 0) {
      unpack(part.address(), address, part.stride(), Abi.TILE, part.rows());
    }
    return address;
  }

  private long taken(long bytes) {
    try {
      return room.allocate(bytes).address();
    } catch (OutOfNativeMemoryException e) {
      return 0;
    }
  }

  private void unpack(long from, long to, int kTiles, int tileRows, int rows) {
    MemorySegment arguments = unpack.arguments();
    arguments.set(JAVA_LONG, SOURCE, from);
    arguments.set(JAVA_LONG, TARGET, to);
    arguments.set(JAVA_INT, K_TILES, kTiles);
    arguments.set(JAVA_INT, TILE_ROWS, tileRows);
    unpack.grid(rows, 1, 1).launch(site.stream());
  }

  /** Gives the library up. The memory goes with the context. */
  @Override
  public void close() {
    products.values().forEach(product -> product.ifPresent(BlasProduct::close));
    products.clear();
    handle.close();
  }
}
