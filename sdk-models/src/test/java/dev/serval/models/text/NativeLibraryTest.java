package dev.serval.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.model.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class NativeLibraryTest {
  private static final String HERE =
      NativeLibrary.platform(System.getProperty("os.name"), System.getProperty("os.arch"));

  @Test
  void it_is_loaded_from_the_first_folder_that_will_do_and_leaves_nothing_there(
      @TempDir Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    Path good = Files.createDirectory(folder.resolve("good"));

    assertThat(NativeLibrary.load(HERE, List.of(folder.resolve("missing"), file, good))).isEmpty();
    assertThat(good).isEmptyDirectory();
  }

  @Test
  void where_no_folder_will_do_the_problem_names_them_all(@TempDir Path folder) {
    List<Path> missing = List.of(folder.resolve("one"), folder.resolve("two"));
    assertThat(NativeLibrary.load(HERE, missing))
        .hasValueSatisfying(problem ->
            assertThat(problem).contains(HERE, missing.get(0) + " (", missing.get(1) + " ("));
  }

  @Test
  void a_platform_without_a_library_is_named(@TempDir Path folder) {
    String platform = NativeLibrary.platform("Linux", "riscv64");
    assertThat(NativeLibrary.load(platform, List.of(folder)))
        .hasValueSatisfying(problem -> assertThat(problem).contains("linux-riscv64"));
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void platforms_are_named_as_in_the_archive() {
    assertThat(NativeLibrary.platform("Linux", "amd64")).isEqualTo("linux-x86_64");
    assertThat(NativeLibrary.platform("Mac OS X", "aarch64")).isEqualTo("osx-aarch64");
    assertThat(NativeLibrary.platform("Windows 11", "amd64")).isEqualTo("win-x86_64");
  }

  @Test
  @Tag("slow")
  @EnabledOnOs(OS.LINUX)
  void closing_a_tokenizer_gives_its_memory_back() throws IOException {
    openAndClose(30);
    long before = residentPages();
    openAndClose(200);
    long grown = ((residentPages() - before) * 4096) >> 20;
    assertThat(grown).as("MiB that 200 tokenizers left behind").isLessThan(100);
  }

  private static void openAndClose(int times) {
    TextCheckpoint checkpoint = TextCheckpoint.in(DemoModelTokenizerTest.WEIGHTS);
    for (int i = 0; i < times; i++) {
      try (Tokenizer tokenizer = new HuggingFaceTextCodecReader().read(checkpoint).tokenizer()) {
        assertThat(tokenizer.encode("heron", false)).isNotEmpty();
      }
    }
  }

  private static long residentPages() throws IOException {
    return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ", -1)[1]);
  }
}
