package dev.serval.gpu.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.api.compute.OperandChecks;
import dev.serval.gpu.standin.NativeBuild;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What Java takes the kernels' structures for is what a compiler makes of them. */
final class AbiTest {
  private static final Path HEADER = Path.of("src", "main", "cuda", "abi.h").toAbsolutePath();

  @Test
  void structures_lie_in_memory_as_a_compiler_lays_them_out() throws IOException {
    assumeTrue(NativeBuild.possible(), "there is no g++");
    Path source = Path.of("target", "abi.cpp").toAbsolutePath();
    Files.createDirectories(source.getParent());
    Files.writeString(source, program());
    Path made =
        NativeBuild.made(
            "abi",
            List.of(HEADER, source),
            List.of(List.of("g++", "-std=c++20", "-fsyntax-only", source.toString())));
    assertThat(made).exists();
  }

  @Test
  void no_structure_has_a_field_that_java_does_not_know() throws IOException {
    String header = Files.readString(HEADER);
    for (Struct struct : Abi.ALL) {
      int begin = header.indexOf("struct " + struct.name() + " {");
      assertThat(begin).as(struct.name()).isNotNegative();
      long fields =
          header
              .substring(begin, header.indexOf("};", begin))
              .lines()
              .filter(line -> line.strip().matches("(const )?\\w+\\*? \\w+(\\[\\w+])?;.*"))
              .count();
      assertThat(fields).as(struct.name()).isEqualTo(struct.offsets().size());
    }
  }

  /** A program that compiles if all is as Java has it. */
  private static String program() {
    StringBuilder text = new StringBuilder("#include <stddef.h>\n#include \"" + HEADER + "\"\n");
    for (Struct struct : Abi.ALL) {
      String name = "serval::" + struct.name();
      text.append("static_assert(sizeof(%s) == %d);%n".formatted(name, struct.size()));
      struct
          .offsets()
          .forEach((field, offset) ->
              text.append(
                  "static_assert(offsetof(%s, %s) == %d);%n".formatted(name, field, offset)));
    }
    text.append(
        "static_assert(serval::TILE == %d && serval::OPERAND_ROWS == %d && serval::PART == %d);%n"
            .formatted(Abi.TILE, Abi.OPERAND_ROWS, Abi.PART));
    text.append(
        "static_assert(serval::TILE_QUERIES == %d && serval::NO_TOKEN == %d);%n"
            .formatted(Abi.TILE_QUERIES, Abi.NO_TOKEN));
    text.append(
        "static_assert(serval::MAX_EXPERTS == %d && serval::MAX_HEADS == %d);%n"
            .formatted(Abi.MAX_EXPERTS, Abi.MAX_HEADS));
    text.append("static_assert(serval::MAX_MIXED == %d);%n".formatted(OperandChecks.MOST_MIXED));
    return text.toString();
  }
}
