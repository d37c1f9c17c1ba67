package dev.serval.models.cpu.generated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.models.cpu.generated.Instruction.Binary;
import dev.serval.models.cpu.generated.Instruction.BinaryOp;
import dev.serval.models.cpu.generated.Instruction.Immediate;
import dev.serval.models.cpu.generated.Instruction.ImmediateOp;
import dev.serval.models.cpu.generated.Instruction.Label;
import dev.serval.models.cpu.generated.Instruction.Store;
import dev.serval.models.cpu.generated.Instruction.StoreOp;
import dev.serval.models.cpu.generated.Instruction.Unary;
import dev.serval.models.cpu.generated.Instruction.UnaryOp;
import dev.serval.models.cpu.generated.Opcode.Form;
import dev.serval.models.cpu.generated.Operand.Broadcast;
import dev.serval.models.cpu.generated.Operand.Literal;
import dev.serval.models.cpu.generated.Operand.Memory;
import dev.serval.models.cpu.generated.Operand.TileRegister;
import dev.serval.models.cpu.generated.Operand.Vector;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Encodings, as objdump of binutils reads them; what needs it is skipped where it is not. */
final class AssemblerTest {
  private static final Pattern LINE = Pattern.compile("^\\s*[0-9a-f]+:\\t[0-9a-f ]+\\t(.*)$");
  private static final int[] DISPLACEMENTS = {
    0,
    1,
    4,
    16,
    32,
    64,
    127,
    128,
    -1,
    -4,
    -128,
    -129,
    508,
    512,
    -512,
    -516,
    2016,
    2048,
    4064,
    4096,
    8128,
    8192,
    -4096,
    -8192,
    -8256,
    1 << 20,
    -(1 << 20)
  };

  @TempDir Path folder;

  private List<String> disassembled(List<Instruction> instructions) {
    try {
      Path file = Files.write(folder.resolve("code"), Assembler.encode(instructions));
      Process objdump =
          new ProcessBuilder(
                  "objdump",
                  "-D",
                  "-w",
                  "-M",
                  "intel",
                  "-b",
                  "binary",
                  "-mi386:x86-64",
                  "-z",
                  file.toString())
              .redirectErrorStream(true)
              .start();
      try (var lines = objdump.inputReader().lines()) {
        return lines
            .map(LINE::matcher)
            .filter(Matcher::matches)
            .map(line -> normal(line.group(1)))
            .limit(instructions.size())
            .toList();
      }
    } catch (IOException e) {
      assumeTrue(false, "objdump is not installed: " + e.getMessage());
      throw new AssertionError(e);
    }
  }

  private static String normal(String line) {
    return line.replaceAll("\\{1to\\d+\\}", "")
        .replaceAll("\\w+ BCST ", "bcst ")
        .replaceAll("\\w+ PTR ", "")
        .replaceAll("\\s+#.*", "")
        .replaceAll("\\[rip\\+0x\\w+\\]", "[rip]")
        .replaceAll("\\s+", " ")
        .strip();
  }

  private void check(List<Instruction> instructions) {
    List<String> expected = instructions.stream().map(IntelSyntax::of).toList();
    List<String> actual = disassembled(instructions);
    for (int i = 0; i < expected.size(); i++) {
      assertThat(i < actual.size() ? actual.get(i) : "nothing")
          .as("%s", instructions.get(i))
          .isEqualTo(expected.get(i));
    }
  }

  private static List<Width> widths(Opcode opcode) {
    return switch (opcode.form()) {
      case EITHER -> List.of(Width.XMM, Width.YMM, Width.ZMM);
      case VEX -> List.of(Width.XMM, Width.YMM);
      case EVEX -> List.of(Width.ZMM);
    };
  }

  private static List<Width> widths(BinaryOp op) {
    return switch (op) {
      case VINSERTI128, VPERM2I128 -> List.of(Width.YMM);
      default -> widths(op.opcode());
    };
  }

  private static int registers(Opcode opcode, Width width) {
    return opcode.form() == Form.VEX || width != Width.ZMM ? 16 : 32;
  }

  private static List<Memory> memories() {
    List<Memory> memories = new ArrayList<>();
    for (Register base : Register.values()) {
      for (int displacement : DISPLACEMENTS) {
        memories.add(Memory.at(base, displacement));
      }
      for (Register index : Register.values()) {
        if (index != Register.RSP) {
          int scale = 1 << index.number() % 4;
          memories.add(new Memory(base, index, scale, DISPLACEMENTS[index.number()]));
        }
      }
    }
    return memories;
  }

  @Test
  void every_operation_on_two_vectors_is_encoded_with_every_register() {
    for (BinaryOp op : BinaryOp.values()) {
      List<Instruction> all = new ArrayList<>();
      for (Width width : widths(op)) {
        int count = registers(op.opcode(), width);
        for (int a = 0; a < count; a++) {
          for (int apart : new int[] {0, 1, 7, 8}) {
            int b = (a + apart) % count;
            Vector last = new Vector((a * 7 + b) % count, width);
            all.add(new Binary(op, new Vector(a, width), new Vector(b, width), last));
          }
        }
      }
      check(all);
    }
  }

  @Test
  void every_operation_reads_every_kind_of_address() {
    for (BinaryOp op : BinaryOp.values()) {
      List<Instruction> all = new ArrayList<>();
      for (Width width : widths(op)) {
        int last = registers(op.opcode(), width) - 1;
        for (Memory memory : memories()) {
          all.add(new Binary(op, new Vector(last, width), new Vector(last / 2, width), memory));
        }
      }
      check(all);
    }
  }

  @Test
  void operations_of_avx512_read_one_element_for_all_lanes() {
    for (BinaryOp op :
        List.of(
            BinaryOp.VPDPBUSD,
            BinaryOp.VDPBF16PS,
            BinaryOp.VFMADD231PS,
            BinaryOp.VMULPS,
            BinaryOp.VADDPS,
            BinaryOp.VPAND)) {
      check(
          memories().stream()
              .<Instruction>map(memory ->
                  new Binary(
                      op,
                      new Vector(31, Width.ZMM),
                      new Vector(16, Width.ZMM),
                      new Broadcast(memory)))
              .toList());
    }
  }

  @Test
  void every_operation_on_one_vector_is_encoded() {
    for (UnaryOp op : UnaryOp.values()) {
      List<Instruction> all = new ArrayList<>();
      for (Width width : unaryWidths(op)) {
        int count = op == UnaryOp.VCVTNEPS2BF16 || width == Width.ZMM ? 32 : 16;
        for (int a = 0; a < count; a++) {
          Vector target = new Vector(a, width);
          if (op != UnaryOp.VBROADCASTSS && op.opcode().access() == Opcode.Access.FULL) {
            Width read = op == UnaryOp.VCVTNEPS2BF16 ? Width.ZMM : width;
            for (int b = 0; b < count; b++) {
              all.add(new Unary(op, target, new Vector(b, read)));
            }
          }
          for (Memory memory : a % 8 == 7 ? memories() : List.<Memory>of()) {
            all.add(new Unary(op, target, memory));
          }
        }
      }
      check(all);
    }
  }

  private static List<Width> unaryWidths(UnaryOp op) {
    return switch (op) {
      case VCVTNEPS2BF16 -> List.of(Width.YMM);
      case VBROADCASTSS, VBROADCASTI128 -> List.of(Width.YMM, Width.ZMM);
      default -> widths(op.opcode());
    };
  }

  @Test
  void shifts_and_shuffles_are_encoded() {
    List<Instruction> all = new ArrayList<>();
    for (ImmediateOp op : ImmediateOp.values()) {
      for (Width width : Width.values()) {
        int count = width == Width.ZMM ? 32 : 16;
        for (int a = 0; a < count; a++) {
          for (int apart : new int[] {0, 1, 7, 8}) {
            Vector source = new Vector((a + apart) % count, width);
            all.add(new Immediate(op, new Vector(a, width), source, 1 + (a + apart) % 15));
          }
        }
      }
    }
    check(all);
  }

  @Test
  void vectors_are_stored() {
    List<Instruction> all = new ArrayList<>();
    for (Memory memory : memories()) {
      for (Width width : Width.values()) {
        for (int number : width == Width.ZMM ? new int[] {0, 9, 17, 31} : new int[] {0, 9, 15}) {
          all.add(new Store(StoreOp.VMOVUPS, memory, new Vector(number, width)));
        }
      }
      all.add(new Store(StoreOp.VMOVSS, memory, new Vector(3, Width.XMM)));
      all.add(new Store(StoreOp.VMOVSS, memory, new Vector(12, Width.XMM)));
    }
    check(all);
  }

  @Test
  void general_instructions_are_encoded() {
    List<Instruction> all = new ArrayList<>();
    for (Register a : Register.values()) {
      for (Register b : Register.values()) {
        all.add(new Instruction.Add(a, b));
        all.add(new Instruction.Copy(a, b));
      }
      for (int value : new int[] {1, -1, 128, -4096, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        all.add(new Instruction.AddConstant(a, value));
        all.add(new Instruction.Set(a, value));
      }
    }
    for (Instruction.Cache cache : Instruction.Cache.values()) {
      memories().forEach(memory -> all.add(new Instruction.Prefetch(memory, cache)));
    }
    for (Register target : List.of(Register.RDX, Register.R9)) {
      memories().forEach(memory -> all.add(new Instruction.Load(target, memory)));
    }
    all.add(new Instruction.ClearUpper());
    all.add(new Instruction.Return());
    check(all);
  }

  @Test
  void tile_registers_are_loaded_stored_and_multiplied() {
    List<Instruction> all = new ArrayList<>();
    for (int a = 0; a < 8; a++) {
      TileRegister tile = new TileRegister(a);
      for (int b = 1; b < 7; b++) {
        TileRegister first = new TileRegister((a + b) % 8);
        TileRegister second = new TileRegister((a + b + 1) % 8);
        all.add(new Instruction.MultiplyTiles(tile, first, second));
      }
      for (Memory memory : memories()) {
        if (memory.index() != null) {
          all.add(new Instruction.LoadTile(tile, memory));
          all.add(new Instruction.StoreTile(memory, tile));
        }
      }
    }
    all.add(new Instruction.ReleaseTiles());
    check(all);
  }

  @Test
  void the_shapes_of_tile_registers_lie_behind_the_code() {
    TileShapes shapes =
        new TileShapes(List.of(new TileShapes.Shape(7, 64), new TileShapes.Shape(16, 12)));
    byte[] code =
        Assembler.encode(List.of(new Instruction.ShapeTiles(shapes), new Instruction.Return()));
    ByteBuffer bytes = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
    int at = 9 + bytes.getInt(5);
    assertThat(Arrays.copyOf(code, 5)).containsExactly(0xC4, 0xE2, 0x78, 0x49, 0x05);
    assertThat(code).hasSize(64 + 64);
    assertThat(at).isEqualTo(64);
    byte[] expected = new byte[64];
    expected[0] = 1;
    expected[16] = 64;
    expected[18] = 12;
    expected[48] = 7;
    expected[49] = 16;
    assertThat(Arrays.copyOfRange(code, at, at + 64)).isEqualTo(expected);
  }

  @Test
  void whole_kernels_are_read_back() {
    for (InstructionSet set : InstructionSet.values()) {
      for (IntegerForm form : IntegerForm.values()) {
        int blocks = IntegerTile.maxBlocks(set, IntegerTile.MAX_ROWS);
        checkKernel(
            new IntegerTile(set, form, IntegerTile.MAX_ROWS, blocks, Ending.ADD).instructions());
      }
      for (FloatForm form : FloatForm.values()) {
        for (Ending ending : Ending.values()) {
          checkKernel(form.tile(set, form.maxRows(set), 2, ending).instructions());
        }
      }
    }
    for (InputForm form : InputForm.values()) {
      checkKernel(form.routine());
    }
  }

  private void checkKernel(List<Instruction> kernel) {
    List<Instruction> inMemory = kernel.stream().filter(AssemblerTest::hasText).toList();
    List<String> expected =
        inMemory.stream().map(IntelSyntax::of).collect(Collectors.toCollection(ArrayList::new));
    List<String> actual =
        disassembled(kernel).stream()
            .filter(line -> !line.startsWith("j") && !line.startsWith("ldtilecfg"))
            .limit(expected.size())
            .toList();
    assertThat(actual).isEqualTo(expected);
  }

  private static boolean hasText(Instruction instruction) {
    return switch (instruction) {
      case Label _,
          Instruction.JumpUnlessZero _,
          Instruction.JumpIfZero _,
          Instruction.ShapeTiles _ ->
          false;
      default -> true;
    };
  }

  @Test
  void constants_lie_behind_the_code_once_each() {
    Vector vector = new Vector(3, Width.YMM);
    List<Instruction> routine =
        List.of(
            new Unary(UnaryOp.VPBROADCASTD, vector, Literal.of(0x12345678)),
            new Unary(UnaryOp.VPBROADCASTD, vector.as(Width.ZMM), Literal.of(0x7654321)),
            new Unary(UnaryOp.VPBROADCASTD, vector, Literal.of(0x12345678)),
            new Instruction.Return());
    byte[] code = Assembler.encode(routine);
    ByteBuffer bytes = ByteBuffer.wrap(code).order(ByteOrder.LITTLE_ENDIAN);
    int end = 9 + 10 + 9 + 1;
    assertThat(code).hasSize((end + 3) / 4 * 4 + 8);
    assertThat(bytes.getInt(5 + bytes.getInt(5) + 4)).isEqualTo(0x12345678);
    assertThat(bytes.getInt(9 + 6 + bytes.getInt(9 + 6) + 4)).isEqualTo(0x7654321);
    assertThat(bytes.getInt(19 + 5 + bytes.getInt(19 + 5) + 4)).isEqualTo(0x12345678);
  }

  @Test
  void jumps_go_back_to_their_labels() {
    Label label = new Label("loop");
    List<Instruction> routine =
        List.of(
            new Instruction.ClearUpper(),
            label,
            new Instruction.AddConstant(Register.R8, -1),
            new Instruction.JumpUnlessZero(label));
    ByteBuffer code = ByteBuffer.wrap(Assembler.encode(routine)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(code.getInt(12)).isEqualTo(3 - 16);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Assembler.encode(List.of(new Instruction.JumpUnlessZero(label))))
        .withMessageContaining("loop");
  }

  @Test
  void jumps_go_on_to_their_labels() {
    Label label = new Label("end");
    Instruction.JumpIfZero jump = new Instruction.JumpIfZero(label);
    List<Instruction> routine =
        List.of(jump, new Instruction.ClearUpper(), jump, new Instruction.Return(), label);
    ByteBuffer code = ByteBuffer.wrap(Assembler.encode(routine)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(code.getShort(0)).isEqualTo((short) 0x840F);
    assertThat(code.getInt(2)).isEqualTo(16 - 6);
    assertThat(code.getInt(11)).isEqualTo(16 - 15);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Assembler.encode(List.of(label, jump)))
        .withMessageContaining("end");
  }

  @Test
  void what_avx512_does_not_have_is_not_encoded_with_its_registers() {
    Vector wide = new Vector(0, Width.ZMM);
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> Assembler.encode(List.of(new Binary(BinaryOp.VPSIGNB, wide, wide, wide))));
  }
}
