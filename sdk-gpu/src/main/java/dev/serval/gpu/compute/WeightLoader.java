package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.DType;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.Context;
import dev.serval.gpu.driver.DeviceMemory;
import dev.serval.gpu.driver.Kernel;
import dev.serval.gpu.driver.Stream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Takes over weights: stored bytes go through a bounded amount of pinned memory to a bounded amount
 * of the device's, where kernels lay them out for good. The host neither keeps nor changes them.
 */
final class WeightLoader {
  private static final long PIECE = 32L << 20;
  private static final int WIDEN_THREADS = 256;

  private static final long PACK_SOURCE = Abi.PACK.offset("source");
  private static final long PACK_TARGET = Abi.PACK.offset("target");
  private static final long PACK_ROWS = Abi.PACK.offset("rows");
  private static final long PACK_COLUMNS = Abi.PACK.offset("columns");
  private static final long PACK_FIRST_ROW = Abi.PACK.offset("firstRow");
  private static final long PACK_TARGET_STRIDE = Abi.PACK.offset("targetStride");
  private static final long WIDEN_SOURCE = Abi.WIDEN.offset("source");
  private static final long WIDEN_TARGET = Abi.WIDEN.offset("target");
  private static final long WIDEN_COUNT = Abi.WIDEN.offset("count");

  private final CudaBackend owner;
  private final Context context;
  private final Stream stream;
  private final DeviceRoom room;
  private final Map<DType, Kernel> packs = new EnumMap<>(DType.class);
  private final Map<DType, Kernel> widens = new EnumMap<>(DType.class);
  private final Set<DType> expanded = EnumSet.noneOf(DType.class);
  private @Nullable Upload upload;
  private @Nullable DeviceMemory arrived;
  private boolean allPacked = true;

  WeightLoader(
      CudaBackend owner, Context context, Stream stream, DeviceRoom room, KernelModule module) {
    this.owner = owner;
    this.context = context;
    this.stream = stream;
    this.room = room;
    for (DType type : DType.values()) {
      module.find("pack_", type).ifPresent(kernel -> packs.put(type, kernel));
      module.find("widen_", type).ifPresent(kernel -> widens.put(type, kernel));
    }
  }

  /** Whether tensor cores multiply every matrix that was loaded. */
  boolean allPacked() {
    return allPacked;
  }

  /** The types of blocks that are kept as BF16. */
  Set<DType> expanded() {
    return expanded;
  }

  CudaWeight load(List<StoredTensor> parts) {
    checkFit(parts);
    return parts.getFirst().shape().size() == 1 ? vector(parts) : matrix(parts);
  }

  private CudaWeight vector(List<StoredTensor> parts) {
    int length = Math.toIntExact(parts.stream().mapToLong(StoredTensor::elements).sum());
    long address = room.allocate("weights", (long) length * Float.BYTES).address();
    long at = address;
    for (StoredTensor part : parts) {
      widen(part, at);
      at += part.elements() * Float.BYTES;
    }
    return new CudaWeight.Vector(owner, length, parts.getFirst().dtype(), address);
  }

  private void widen(StoredTensor part, long target) {
    Kernel kernel = widens.get(part.dtype());
    if (kernel == null) {
      throw new IllegalArgumentException(
          "vector '%s' is of type %s; vectors are of F32, F16 or BF16"
              .formatted(part.name(), part.dtype()));
    }
    long most = PIECE / part.dtype().blockBytes();
    for (long from = 0; from < part.elements(); from += most) {
      int count = (int) Math.min(most, part.elements() - from);
      bring(part, from * part.dtype().blockBytes(), (long) count * part.dtype().blockBytes());
      MemorySegment to = kernel.arguments();
      to.set(JAVA_LONG, WIDEN_SOURCE, arrived().address());
      to.set(JAVA_LONG, WIDEN_TARGET, target + from * Float.BYTES);
      to.set(JAVA_INT, WIDEN_COUNT, count);
      kernel.grid(Math.ceilDiv(count, WIDEN_THREADS), 1, 1).launch(stream);
    }
  }

  private CudaWeight matrix(List<StoredTensor> tensors) {
    int rows = Math.toIntExact(tensors.stream().mapToLong(WeightLoader::rows).sum());
    int columns = Math.toIntExact(tensors.getFirst().shape().getLast());
    List<CudaWeight.Part> parts = new ArrayList<>();
    int firstRow = 0;
    for (int from = 0; from < tensors.size(); ) {
      MatrixType type = MatrixType.of(tensors.get(from).dtype());
      int to = from + 1;
      while (to < tensors.size() && MatrixType.of(tensors.get(to).dtype()) == type) {
        to++;
      }
      CudaWeight.Part part = part(type, tensors.subList(from, to), firstRow, columns);
      parts.add(part);
      firstRow += part.rows();
      from = to;
    }
    CudaWeight.Matrix matrix =
        new CudaWeight.Matrix(owner, rows, columns, tensors.getFirst().dtype(), List.copyOf(parts));
    allPacked &= matrix.packed();
    return matrix;
  }

  private CudaWeight.Part part(
      MatrixType type, List<StoredTensor> tensors, int firstRow, int columns) {
    int rows = Math.toIntExact(tensors.stream().mapToLong(WeightLoader::rows).sum());
    long bytes = type.bytes(rows, columns);
    long address = room.allocate("weights", bytes).address();
    stream.fill(address, (byte) 0, bytes);
    int at = 0;
    for (StoredTensor tensor : tensors) {
      pack(tensor, address, at, type.stride(columns));
      at += (int) rows(tensor);
    }
    return new CudaWeight.Part(
        type, address, firstRow, rows, columns, type.stride(columns), type.segments(rows, columns));
  }

  private void pack(StoredTensor tensor, long target, int firstRow, int stride) {
    Kernel kernel = Objects.requireNonNull(packs.get(tensor.dtype()));
    if (MatrixType.of(tensor.dtype()) == MatrixType.BF16 && tensor.dtype() != DType.BF16) {
      expanded.add(tensor.dtype());
    }
    int columns = Math.toIntExact(tensor.shape().getLast());
    long rowBytes = tensor.dtype().bytes(columns);
    if (rowBytes > PIECE) {
      throw new IllegalArgumentException(
          "a row of tensor '%s' takes %d bytes, more than the %d that are moved at once"
              .formatted(tensor.name(), rowBytes, PIECE));
    }
    int most = (int) (PIECE / rowBytes);
    int rows = (int) rows(tensor);
    for (int from = 0; from < rows; from += most) {
      int count = Math.min(most, rows - from);
      bring(tensor, from * rowBytes, count * rowBytes);
      MemorySegment to = kernel.arguments();
      to.set(JAVA_LONG, PACK_SOURCE, arrived().address());
      to.set(JAVA_LONG, PACK_TARGET, target);
      to.set(JAVA_INT, PACK_ROWS, count);
      to.set(JAVA_INT, PACK_COLUMNS, columns);
      to.set(JAVA_INT, PACK_FIRST_ROW, firstRow + from);
      to.set(JAVA_INT, PACK_TARGET_STRIDE, stride);
      kernel.grid(count, 1, 1).launch(stream);
    }
  }

  /** Brings some bytes of a tensor to where kernels lay them out from. */
  private void bring(StoredTensor tensor, long from, long bytes) {
    Upload pieces = upload;
    if (pieces == null) {
      pieces = new Upload(context, stream, PIECE);
      upload = pieces;
    }
    pieces.piece(
        arrived().address(),
        from,
        bytes,
        (to, offset) -> MemorySegment.copy(tensor.data(), offset, to, 0, to.byteSize()));
  }

  private DeviceMemory arrived() {
    DeviceMemory memory = arrived;
    if (memory == null) {
      memory = room.allocate("weights on their way", PIECE);
      arrived = memory;
    }
    return memory;
  }

  /** Gives back what only loading needs, until more is loaded. */
  void rest() {
    Upload pieces = upload;
    DeviceMemory memory = arrived;
    upload = null;
    arrived = null;
    if (pieces != null) {
      pieces.close();
    }
    if (memory != null) {
      stream.synchronize();
      room.free(memory);
    }
  }

  private static long rows(StoredTensor tensor) {
    return tensor.shape().getFirst();
  }

  private static void checkFit(List<StoredTensor> parts) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a weight has at least one part");
    }
    StoredTensor first = parts.getFirst();
    int dimensions = first.shape().size();
    if (dimensions < 1 || dimensions > 2 || first.elements() == 0) {
      throw new IllegalArgumentException(
          "tensor '%s' of shape %s is neither a vector nor a matrix"
              .formatted(first.name(), first.shape()));
    }
    for (StoredTensor part : parts) {
      if (!fits(part, first)) {
        throw new IllegalArgumentException(
            "tensor '%s' (%s, %s) cannot be stacked with '%s' (%s, %s)"
                .formatted(
                    part.name(),
                    part.dtype(),
                    part.shape(),
                    first.name(),
                    first.dtype(),
                    first.shape()));
      }
    }
  }

  private static boolean fits(StoredTensor part, StoredTensor first) {
    int dimensions = first.shape().size();
    return part.shape().size() == dimensions
        && part.elements() > 0
        && (dimensions == 1 || part.shape().getLast().equals(first.shape().getLast()));
  }
}
