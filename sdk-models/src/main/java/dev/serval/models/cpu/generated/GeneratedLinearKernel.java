package dev.serval.models.cpu.generated;

import dev.serval.api.compute.DType;
import dev.serval.api.device.NativeMemory;
import dev.serval.models.cpu.block.StoredRows;
import dev.serval.models.cpu.crew.WorkCrew;
import dev.serval.models.cpu.linear.LinearKernel;
import dev.serval.models.cpu.linear.PackedMatrix;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Matrices multiplied by generated code. The code for a type is made and checked when the first
 * matrix of it is loaded; matrices of types without any are left to other kernels.
 */
final class GeneratedLinearKernel implements LinearKernel {
  private static final System.Logger LOG = System.getLogger(GeneratedLinearKernel.class.getName());
  private static final int ALIGNMENT = 64;
  private static final int MAX_ROWS = 32;

  private final InstructionSet set;
  private final LinearKernel others;
  private final Map<DType, Optional<TileKernels>> kernels = new EnumMap<>(DType.class);
  private final Map<InputForm, Inputs> inputs = new EnumMap<>(InputForm.class);
  private @Nullable List<TileScratch> scratch;

  GeneratedLinearKernel(InstructionSet set, LinearKernel others) {
    this.set = set;
    this.others = others;
  }

  @Override
  public PackedMatrix pack(StoredRows rows, NativeMemory memory, WorkCrew crew) {
    return kernels(rows.dtype(), memory, crew)
        .map(tiles -> pack(rows, tiles, memory, crew))
        .orElseGet(() -> others.pack(rows, memory, crew));
  }

  /** What a packed matrix takes; nothing for one that is left to other kernels. */
  static OptionalLong bytes(InstructionSet set, StoredRows rows) {
    DType type = rows.dtype();
    return IntegerForm.of(type).isPresent() || FloatForm.of(type).isPresent()
        ? OptionalLong.of(bytes(rows, layout(set, rows)))
        : OptionalLong.empty();
  }

  private static long bytes(StoredRows rows, BlockLayout layout) {
    return GeneratedMatrix.blocks(rows.count(), layout) * layout.blockBytes();
  }

  private PackedMatrix pack(
      StoredRows rows, TileKernels tiles, NativeMemory memory, WorkCrew crew) {
    BlockLayout layout = layout(set, rows);
    MemorySegment data = memory.allocate(bytes(rows, layout), ALIGNMENT);
    crew.run(new BlockPacking(rows, layout, data));
    return new GeneratedMatrix(
        rows.first(),
        rows.count(),
        rows.columns(),
        rows.dtype(),
        layout,
        data,
        tiles,
        inputs(tiles.inputs(), memory, crew),
        scratch(memory, crew));
  }

  private static BlockLayout layout(InstructionSet set, StoredRows rows) {
    return layout(set, rows.dtype(), rows.columns());
  }

  private static BlockLayout layout(InstructionSet set, DType dtype, int columns) {
    return IntegerForm.of(dtype)
        .<BlockLayout>map(form -> new IntegerLayout(set, form, columns))
        .or(() -> FloatForm.of(dtype).map(form -> new FloatLayout(form, set.lanes(), columns)))
        .orElseThrow();
  }

  private Optional<TileKernels> kernels(DType dtype, NativeMemory memory, WorkCrew crew) {
    Optional<TileKernels> known = kernels.get(dtype);
    if (known == null) {
      known = make(dtype, memory, crew);
      kernels.put(dtype, known);
    }
    return known;
  }

  private Optional<TileKernels> make(DType dtype, NativeMemory memory, WorkCrew crew) {
    try {
      return IntegerForm.of(dtype)
          .map(form -> TileKernels.of(set, form))
          .or(() -> FloatForm.of(dtype).map(form -> TileKernels.of(set, form)))
          .filter(made -> checked(dtype, made, memory, crew));
    } catch (ExecutableMemoryException e) {
      LOG.log(Level.WARNING, "No generated code for " + dtype + " matrices: " + e.getMessage());
      return Optional.empty();
    }
  }

  private boolean checked(DType dtype, TileKernels made, NativeMemory memory, WorkCrew crew) {
    MemorySegment routine = inputs(made.inputs(), memory, crew).routine();
    BlockLayout layout = layout(set, dtype, SelfCheck.columns(dtype));
    boolean right = SelfCheck.passes(dtype, made, routine, layout);
    if (!right) {
      LOG.log(
          Level.WARNING,
          "Generated code for {0} matrices gives wrong results on this {1} processor;"
              + " other kernels take its place",
          dtype,
          set);
    }
    return right;
  }

  private Inputs inputs(InputForm form, NativeMemory memory, WorkCrew crew) {
    return inputs.computeIfAbsent(form, wanted -> new Inputs(wanted, memory, crew.size()));
  }

  private List<TileScratch> scratch(NativeMemory memory, WorkCrew crew) {
    List<TileScratch> known = scratch;
    if (known == null) {
      known =
          IntStream.range(0, crew.size())
              .mapToObj(worker -> new TileScratch(memory, MAX_ROWS, set.lanes()))
              .toList();
      scratch = known;
    }
    return known;
  }
}
