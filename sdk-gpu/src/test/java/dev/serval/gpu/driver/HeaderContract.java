package dev.serval.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** What is known of a library here, beside what a C++ compiler makes of its header. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class HeaderContract {
  private Map<String, String> header = Map.of();

  /** The header, and those it is included with. */
  protected abstract List<String> includes();

  /** The parameters of each function that is called, by its name. */
  protected abstract Map<String, List<Parameter>> functions();

  /** The type, in C++, of a pointer to a function. */
  protected String typeOf(String function) {
    return "decltype(&%s)".formatted(function);
  }

  /** The structures that are filled or read. */
  protected abstract List<StructLayout> structures();

  /** The numbers that are used, by the header's names. */
  protected abstract Map<String, String> constants();

  @BeforeAll
  void compile(@TempDir Path folder) throws IOException, InterruptedException {
    HeaderProbe probe = new HeaderProbe(folder);
    Path include = HeaderProbe.cudaHeaders();
    String first = includes().getFirst();
    assumeTrue(
        probe.canInclude(include, first), "no g++ that finds %s in %s".formatted(first, include));
    includes().forEach(probe::include);
    functions().keySet().forEach(function -> probe.function(function, typeOf(function)));
    structures().forEach(probe::structure);
    constants().keySet().forEach(probe::constant);
    header = probe.run(include);
  }

  @Test
  void every_function_takes_what_the_header_says() {
    Map<String, String> expected = new TreeMap<>();
    functions()
        .forEach((name, parameters) -> expected.put(name, HeaderProbe.signature(parameters)));
    assertThat(header).containsAllEntriesOf(expected);
  }

  @Test
  void every_structure_is_laid_out_as_in_the_header() {
    for (StructLayout struct : structures()) {
      assertThat(header).containsAllEntriesOf(HeaderProbe.layout(struct));
    }
  }

  @Test
  void every_constant_is_the_headers() {
    assertThat(header).containsAllEntriesOf(constants());
  }
}
