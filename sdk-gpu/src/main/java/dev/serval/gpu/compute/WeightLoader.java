package dev.serval.gpu.compute;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.serval.api.compute.CodeBook;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.OperandChecks;
import dev.serval.api.gpu.Region;
import dev.serval.api.gpu.RegionPool;
import dev.serval.api.gpu.TransferException;
import dev.serval.api.gpu.TransferReport;
import dev.serval.api.storage.StoredTensor;
import dev.serval.gpu.driver.Kernel;
import dev.serval.gpu.driver.Stream;
import dev.serval.gpu.transfer.DataPath;
import dev.serval.gpu.transfer.WeightStream;
import java.io.ByteArrayOutputStream;
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
 * Takes over weights: stored bytes come by the data path to a few windows of the device's memory,
 * from where kernels lay them out for good, while the next are on their way. The host neither keeps
 * nor changes them.
 */
final class WeightLoader {
  private static final long PIECE = 32L << 20;
  private static final int WINDOWS = 3;

  /** What is in memory and no larger comes at once, by way of a window of that size. */
  private static final int SMALL = 1 << 20;

  private static final int WIDEN_THREADS = 256;

  private static final long PACK_SOURCE = Abi.PACK.offset("source");
  private static final long PACK_TARGET = Abi.PACK.offset("target");
  private static final long PACK_BOOKS = Abi.PACK.offset("books");
  private static final long PACK_ROWS = Abi.PACK.offset("rows");
  private static final long PACK_COLUMNS = Abi.PACK.offset("columns");
  private static final long PACK_FIRST_ROW = Abi.PACK.offset("firstRow");
  private static final long PACK_TARGET_STRIDE = Abi.PACK.offset("targetStride");
  private static final long WIDEN_SOURCE = Abi.WIDEN.offset("source");
  private static final long WIDEN_TARGET = Abi.WIDEN.offset("target");
  private static final long WIDEN_COUNT = Abi.WIDEN.offset("count");

  private final CudaBackend owner;
  private final DataPath path;
  private final Stream stream;
  private final RegionPool weights;
  private final RegionPool windows;
  private final Map<DType, Kernel> packs = new EnumMap<>(DType.class);
  private final Map<DType, Kernel> widens = new EnumMap<>(DType.class);
  private final Set<DType> expanded = EnumSet.noneOf(DType.class);
  private final List<TransferReport> reports = new ArrayList<>();
  private @Nullable WeightStream arriving;
  private @Nullable Region small;
  private @Nullable TransferException failure;
  private boolean allPacked = true;

  /** Where code books are, once a type was met that has one. */
  private long books;

  WeightLoader(
      CudaBackend owner, DataPath path, RegionPool memory, Stream stream, KernelModule module) {
    this.owner = owner;
    this.path = path;
    this.stream = stream;
    weights = memory.child("weights");
    windows = memory.child("weights on their way");
    for (DType type : DType.values()) {
      module.find("pack_", type).ifPresent(kernel -> packs.put(type, kernel));
      module.find("widen_", type).ifPresent(kernel -> widens.put(type, kernel));
    }
  }

  /** Whether tensor cores multiply every matrix that was loaded. */
  boolean allPacked() {
    return allPacked;
  }

  /** The types of blocks that were loaded and are rounded to BF16. */
  Set<DType> expanded() {
    return expanded;
  }

  /** What a weight takes once it is loaded. */
  static long bytes(List<StoredTensor> parts) {
    OperandChecks.requireWeight(parts);
    if (parts.getFirst().shape().size() == 1) {
      return Float.BYTES * parts.stream().mapToLong(StoredTensor::elements).sum();
    }
    int columns = Math.toIntExact(parts.getFirst().shape().getLast());
    return alike(parts).stream()
        .mapToLong(rows -> typeOf(rows.getFirst()).bytes(rows(rows), columns))
        .reduce(0, Math::addExact);
  }

  /** Tensors that are kept in the same way and are neighbours become one part. */
  private static List<List<StoredTensor>> alike(List<StoredTensor> tensors) {
    List<List<StoredTensor>> parts = new ArrayList<>();
    for (int from = 0; from < tensors.size(); ) {
      int to = from + 1;
      while (to < tensors.size() && typeOf(tensors.get(to)) == typeOf(tensors.get(from))) {
        to++;
      }
      parts.add(tensors.subList(from, to));
      from = to;
    }
    return parts;
  }

  private static MatrixType typeOf(StoredTensor tensor) {
    return MatrixType.of(tensor.dtype());
  }

  private static int rows(List<StoredTensor> tensors) {
    return Math.toIntExact(tensors.stream().mapToLong(WeightLoader::rows).sum());
  }

  CudaWeight load(List<StoredTensor> parts) {
    OperandChecks.requireWeight(parts);
    try {
      return parts.getFirst().shape().size() == 1 ? vector(parts) : matrix(parts);
    } catch (TransferException e) {
      failure = e;
      throw e;
    }
  }

  private CudaWeight vector(List<StoredTensor> parts) {
    int length = Math.toIntExact(parts.stream().mapToLong(StoredTensor::elements).sum());
    long address = weights.allocate((long) length * Float.BYTES).address();
    long at = address;
    for (StoredTensor part : parts) {
      widen(part, at);
      at += part.elements() * Float.BYTES;
    }
    return new CudaWeight.Vector(owner, length, parts.getFirst().dtype(), address);
  }

  private void widen(StoredTensor part, long target) {
    Kernel kernel = Objects.requireNonNull(widens.get(part.dtype()));
    long most = PIECE / part.dtype().blockBytes();
    for (long from = 0; from < part.elements(); from += most) {
      int count = (int) Math.min(most, part.elements() - from);
      long to = target + from * Float.BYTES;
      long bytes = part.dtype().blockBytes();
      bring(part, from * bytes, count * bytes, source -> widen(kernel, source, to, count));
    }
  }

  private void widen(Kernel kernel, long source, long target, int count) {
    MemorySegment to = kernel.arguments();
    to.set(JAVA_LONG, WIDEN_SOURCE, source);
    to.set(JAVA_LONG, WIDEN_TARGET, target);
    to.set(JAVA_INT, WIDEN_COUNT, count);
    kernel.grid(Math.ceilDiv(count, WIDEN_THREADS), 1, 1).launch(stream);
  }

  private CudaWeight matrix(List<StoredTensor> tensors) {
    int rows = rows(tensors);
    int columns = Math.toIntExact(tensors.getFirst().shape().getLast());
    List<CudaWeight.Part> parts = new ArrayList<>();
    int firstRow = 0;
    for (List<StoredTensor> alike : alike(tensors)) {
      CudaWeight.Part part = part(typeOf(alike.getFirst()), alike, firstRow, columns);
      parts.add(part);
      firstRow += part.rows();
    }
    CudaWeight.Matrix matrix =
        new CudaWeight.Matrix(owner, rows, columns, tensors.getFirst().dtype(), List.copyOf(parts));
    allPacked &= matrix.packed();
    return matrix;
  }

  private CudaWeight.Part part(
      MatrixType type, List<StoredTensor> tensors, int firstRow, int columns) {
    int rows = rows(tensors);
    long bytes = type.bytes(rows, columns);
    long address = weights.allocate(bytes).address();
    stream.fill(address, (byte) 0, bytes);
    Pack.Target target = new Pack.Target(address, columns, type.stride(columns));
    int at = 0;
    for (StoredTensor tensor : tensors) {
      pack(tensor, target, at);
      at += (int) rows(tensor);
    }
    return new CudaWeight.Part(
        type, address, firstRow, rows, columns, type.stride(columns), type.segments(rows, columns));
  }

  private void pack(StoredTensor tensor, Pack.Target target, int firstRow) {
    Kernel kernel = Objects.requireNonNull(packs.get(tensor.dtype()));
    if (typeOf(tensor) == MatrixType.BF16 && tensor.dtype() != DType.BF16) {
      expanded.add(tensor.dtype());
    }
    switch (tensor.dtype()) {
      case IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S -> bringBooks();
      default -> {}
    }
    long rowBytes = tensor.dtype().bytes(target.columns());
    if (rowBytes > PIECE) {
      throw new IllegalArgumentException(
          "a row of tensor '%s' takes %d bytes, more than the %d that are moved at once"
              .formatted(tensor.name(), rowBytes, PIECE));
    }
    int most = (int) (PIECE / rowBytes);
    int rows = (int) rows(tensor);
    for (int from = 0; from < rows; from += most) {
      int count = Math.min(most, rows - from);
      Pack pack = new Pack(kernel, target, firstRow + from, count);
      bring(tensor, from * rowBytes, count * rowBytes, source -> launch(pack, source));
    }
  }

  /** One after the other, as kernels find them. */
  private void bringBooks() {
    if (books != 0) {
      return;
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (CodeBook book : CodeBook.values()) {
      all.writeBytes(book.numbers());
    }
    MemorySegment numbers = MemorySegment.ofArray(all.toByteArray());
    books = windows.allocate(numbers.byteSize()).address();
    owner
        .access()
        .upload(
            books, numbers.byteSize(), (to, at) -> to.copyFrom(numbers.asSlice(at, to.byteSize())));
  }

  /**
   * Some rows that are laid out once they have arrived.
   *
   * @param kernel of their type
   * @param target the matrix
   * @param firstRow where they go
   * @param rows how many
   */
  private record Pack(Kernel kernel, Target target, int firstRow, int rows) {
    record Target(long address, int columns, int stride) {}
  }

  private void launch(Pack pack, long source) {
    MemorySegment to = pack.kernel().arguments();
    to.set(JAVA_LONG, PACK_SOURCE, source);
    to.set(JAVA_LONG, PACK_TARGET, pack.target().address());
    to.set(JAVA_LONG, PACK_BOOKS, books);
    to.set(JAVA_INT, PACK_ROWS, pack.rows());
    to.set(JAVA_INT, PACK_COLUMNS, pack.target().columns());
    to.set(JAVA_INT, PACK_FIRST_ROW, pack.firstRow());
    to.set(JAVA_INT, PACK_TARGET_STRIDE, pack.target().stride());
    pack.kernel().grid(pack.rows(), 1, 1).launch(stream);
  }

  /**
   * Brings a piece to the device. Threads and pinned memory for what is small would take longer
   * than the piece: it goes in the order of the stream, which reads the window before it is written
   * again.
   */
  private void bring(StoredTensor tensor, long from, long bytes, WeightStream.Arrival arrival) {
    if (tensor.file().isPresent() || bytes > SMALL) {
      arriving().bring(tensor, from, bytes, arrival);
      return;
    }
    long address = smallWindow().address();
    owner
        .access()
        .upload(
            address,
            bytes,
            (to, at) -> to.copyFrom(tensor.data().asSlice(from + at, to.byteSize())));
    arrival.arrived(address);
  }

  private Region smallWindow() {
    Region open = small;
    if (open == null) {
      open = windows.allocate(SMALL);
      small = open;
    }
    return open;
  }

  private WeightStream arriving() {
    WeightStream open = arriving;
    if (open == null) {
      open = new WeightStream(path.transfers(), windows, stream, WINDOWS, PIECE);
      arriving = open;
    }
    return open;
  }

  /**
   * Has everything that was loaded laid out, and gives back what only loading needs, until more is
   * loaded. Cheap when there is nothing to do.
   *
   * @throws TransferException when some could not be brought: then, and whenever it is asked again
   */
  void rest() {
    if (failure != null) {
      throw failure;
    }
    WeightStream open = arriving;
    if (open != null) {
      arriving = null;
      finish(open);
    }
  }

  private void finish(WeightStream open) {
    try (open) {
      open.finish();
      reports.addAll(open.reports());
    } catch (TransferException e) {
      failure = e;
      throw e;
    } finally {
      path.rest();
    }
  }

  /** By which ways the weights came that were loaded. */
  List<TransferReport> reports() {
    return TransferReport.totals(reports);
  }

  private static long rows(StoredTensor tensor) {
    return tensor.shape().getFirst();
  }
}
