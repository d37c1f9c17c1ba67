package dev.serval.gpu.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.serval.gpu.driver.HeaderProbe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.StructLayout;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code cufile.h}, which few toolkits come with: the file that the property {@code
 * serval.cufile.header} names, the toolkit's, or that of NVIDIA's packages for Python.
 */
@Tag("nvidia")
class CuFileHeaderTest {
  private static final String HEADER = "cufile.h";
  private static final String ERROR = "CUfileError_t";

  private static Map<String, String> compiled = Map.of();

  @BeforeAll
  static void compile(@TempDir Path folder) throws IOException, InterruptedException {
    Path cuda = HeaderProbe.cudaHeaders();
    Optional<Path> include = folders().stream().filter(CuFileHeaderTest::hasHeader).findFirst();
    assumeTrue(include.isPresent(), "no %s in %s".formatted(HEADER, folders()));
    HeaderProbe probe = new HeaderProbe(folder);
    assumeTrue(probe.canInclude(cuda, "cuda.h"), "no g++ that finds cuda.h in " + cuda);
    probe.include(HEADER);
    for (FileFunction function : FileFunction.values()) {
      probe.function(function.symbol(), "decltype(&%s)".formatted(function.symbol()));
    }
    probe.function(CuFileLibrary.READ, "decltype(&%s)".formatted(CuFileLibrary.READ));
    probe.structure(CuFileLibrary.FILE);
    probe.structure(CuFileSearch.PROPERTIES);
    probe.offset(ERROR, "err");
    probe.constant("CU_FILE_SUCCESS");
    probe.constant("CU_FILE_HANDLE_TYPE_OPAQUE_FD");
    probe.constant("CU_FILE_ALLOW_COMPAT_MODE");
    compiled = probe.run(include.get(), cuda);
  }

  private static boolean hasHeader(Path folder) {
    return Files.exists(folder.resolve(HEADER));
  }

  private static List<Path> folders() {
    List<Path> folders = new ArrayList<>();
    Optional.ofNullable(System.getProperty("serval.cufile.header"))
        .map(file -> Path.of(file).toAbsolutePath().getParent())
        .ifPresent(folders::add);
    folders.add(HeaderProbe.cudaHeaders());
    for (String library : List.of("/usr/lib", "/usr/local/lib")) {
      for (Path python : matches(Path.of(library), "python3*")) {
        for (Path packages : matches(python, "*-packages")) {
          folders.add(packages.resolve("nvidia/cufile/include"));
          folders.add(packages.resolve("nvidia/cu13/include"));
        }
      }
    }
    return folders;
  }

  private static List<Path> matches(Path folder, String name) {
    List<Path> found = new ArrayList<>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, name)) {
        entries.forEach(found::add);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return found;
  }

  @Test
  void every_function_takes_what_the_header_says() {
    for (FileFunction function : FileFunction.values()) {
      assertThat(compiled)
          .containsEntry(function.symbol(), HeaderProbe.signature(function.parameters()));
    }
    assertThat(compiled).containsEntry(CuFileLibrary.READ, "PPLLL");
  }

  @Test
  void functions_give_two_numbers_in_one_register_of_which_the_first_is_the_code() {
    for (FileFunction function : FileFunction.values()) {
      boolean silent = function == FileFunction.FILE_FORGET;
      assertThat(compiled).containsEntry(function.symbol() + "()", silent ? "V" : "S");
    }
    assertThat(compiled)
        .containsEntry(ERROR + ".err", "0")
        .containsEntry(CuFileLibrary.READ + "()", "L");
  }

  @Test
  void a_file_and_the_properties_are_laid_out_as_in_the_header() {
    assertThat(compiled).containsAllEntriesOf(HeaderProbe.layout(CuFileLibrary.FILE));
    StructLayout properties = CuFileSearch.PROPERTIES;
    String name = properties.name().orElseThrow();
    Map<String, String> fields = new TreeMap<>(HeaderProbe.layout(properties));
    fields.remove(name);
    assertThat(fields).hasSize(6);
    assertThat(compiled).containsAllEntriesOf(fields);
    assertThat(Long.parseLong(compiled.get(name)))
        .as("the room that is filled")
        .isLessThanOrEqualTo(properties.byteSize());
  }

  @Test
  void every_constant_is_the_headers() {
    assertThat(compiled)
        .containsEntry("CU_FILE_SUCCESS", Integer.toString(CuFileLibrary.SUCCESS))
        .containsEntry("CU_FILE_HANDLE_TYPE_OPAQUE_FD", Integer.toString(CuFileLibrary.OPAQUE_FD));
    assertThat(1 << Integer.parseInt(compiled.get("CU_FILE_ALLOW_COMPAT_MODE")))
        .isEqualTo(CuFileSearch.ALLOW_COMPAT_MODE);
  }
}
