package dev.serval.gpu.driver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A C++ program that tells what its compiler makes of a header, and what is expected of it. */
public final class HeaderProbe {
  private static final String PREAMBLE =
      """
      #include <cstddef>
      #include <cstdio>
      #include <type_traits>

      template <typename T> constexpr char kind() {
        if constexpr (std::is_pointer<T>::value) return 'P';
        else if constexpr (std::is_integral<T>::value || std::is_enum<T>::value)
          return sizeof(T) == 4 ? 'I' : sizeof(T) == 8 ? 'L' : sizeof(T) == 1 ? 'B' : '?';
        else if constexpr (std::is_void<T>::value) return 'V';
        else return std::is_trivially_copyable<T>::value && sizeof(T) == 8 ? 'S' : '?';
      }
      template <typename F> struct Signature;
      template <typename R, typename... P> struct Signature<R (*)(P...)> {
        static void print(const char* name) {
          const char kinds[] = {kind<P>()..., 0};
          std::printf("%s=%s\\n%s()=%c\\n", name, kinds, name, kind<R>());
        }
      };
      """;

  private final Path folder;
  private final StringBuilder includes = new StringBuilder();
  private final StringBuilder body = new StringBuilder();

  /** A program to be compiled in a folder. */
  public HeaderProbe(Path folder) {
    this.folder = folder;
  }

  /** Where the toolkit keeps its headers. */
  public static Path cudaHeaders() {
    String home = System.getenv("CUDA_HOME");
    return Path.of(home == null ? "/usr/local/cuda" : home, "include");
  }

  /** Whether there is a compiler, and the header. */
  public boolean canInclude(Path include, String header) throws InterruptedException {
    try {
      return Files.exists(include.resolve(header)) && start("g++", "--version").waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Includes a header. */
  public HeaderProbe include(String header) {
    includes.append("#include <%s>%n".formatted(header));
    return this;
  }

  /** Asks for a function's parameters. */
  public void function(String name, String pointerType) {
    body.append("  Signature<%s>::print(\"%s\");%n".formatted(pointerType, name));
  }

  /** Asks for a structure's size and where its fields begin. */
  public void structure(StructLayout struct) {
    String name = struct.name().orElseThrow();
    print(name, "sizeof(%s)".formatted(name));
    for (String field : fields(struct)) {
      offset(name, field);
    }
  }

  /** Asks where a field of a structure begins. */
  public void offset(String name, String field) {
    print(name + "." + field, "offsetof(%s, %s)".formatted(name, field));
  }

  /** Asks for a constant's value. */
  public void constant(String name) {
    print(name, name);
  }

  private void print(String name, String value) {
    body.append("  std::printf(\"%s=%%lld\\n\", (long long)(%s));%n".formatted(name, value));
  }

  /** Compiles and runs it; gives what it printed, by name. */
  public Map<String, String> run(Path... folders) throws IOException, InterruptedException {
    Path source = folder.resolve("probe.cpp");
    Files.writeString(source, includes + PREAMBLE + "int main() {\n" + body + "  return 0;\n}\n");
    Path program = folder.resolve("probe");
    List<String> compile = new ArrayList<>(List.of("g++", "-std=c++17"));
    Stream.of(folders).forEach(include -> compile.addAll(List.of("-I", include.toString())));
    compile.addAll(List.of("-o", program.toString(), source.toString()));
    output(start(compile.toArray(String[]::new)));
    return output(start(program.toString()))
        .lines()
        .map(line -> line.split("=", 2))
        .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1], (one, _) -> one, TreeMap::new));
  }

  private static Process start(String... command) throws IOException {
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  private static String output(Process process) throws IOException, InterruptedException {
    String output = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  /** What a function's parameters are printed as. */
  public static String signature(List<Parameter> parameters) {
    return parameters.stream()
        .map(type -> type.name().substring(0, 1))
        .collect(Collectors.joining());
  }

  /** What a structure is printed as. */
  public static Map<String, String> layout(StructLayout struct) {
    String name = struct.name().orElseThrow();
    Map<String, String> lines = new TreeMap<>();
    lines.put(name, Long.toString(struct.byteSize()));
    for (String field : fields(struct)) {
      long offset = struct.byteOffset(PathElement.groupElement(field));
      lines.put(name + "." + field, Long.toString(offset));
    }
    return lines;
  }

  /** The constants that a class has, by name. */
  public static Map<String, String> constants(Class<?> type) {
    Map<String, String> values = new TreeMap<>();
    for (Field field : type.getDeclaredFields()) {
      if (Modifier.isStatic(field.getModifiers())) {
        values.put(field.getName(), value(field));
      }
    }
    return values;
  }

  private static String value(Field field) {
    try {
      field.setAccessible(true);
      return String.valueOf(field.get(null));
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> fields(StructLayout struct) {
    return struct.memberLayouts().stream()
        .filter(member -> !(member instanceof PaddingLayout))
        .map(MemoryLayout::name)
        .flatMap(Optional::stream)
        .toList();
  }
}
