package dev.serval.gpu.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.DynamicTest;

/**
 * What is known of a library here, to be compared with what a C++ compiler makes of its header.
 *
 * @param includes the header, and those it is included with
 * @param functions the parameters of each function that is called, by its name
 * @param typeOf the type, in C++, of a pointer to a function
 * @param structures the structures that are filled or read
 * @param constants the numbers that are used, by the header's names
 */
public record Header(
    List<String> includes,
    Map<String, List<Parameter>> functions,
    Function<String, String> typeOf,
    List<StructLayout> structures,
    Map<String, String> constants) {

  /** Whose functions have one type each. */
  public Header(
      String header,
      Map<String, List<Parameter>> functions,
      List<StructLayout> structures,
      Map<String, String> constants) {
    this(List.of(header), functions, "decltype(&%s)"::formatted, structures, constants);
  }

  /** Tests that all is as a compiler has it; skipped where there is none, or not the header. */
  public List<DynamicTest> tests(Path folder) throws IOException, InterruptedException {
    Map<String, String> compiled = compiled(new HeaderProbe(folder));
    return List.of(
        dynamicTest(
            "every function takes what the header says, and gives an enumeration",
            () -> assertThat(compiled).containsAllEntriesOf(signatures())),
        dynamicTest(
            "every structure is laid out as in the header",
            () ->
                assertThat(structures)
                    .allSatisfy(struct ->
                        assertThat(compiled).containsAllEntriesOf(HeaderProbe.layout(struct)))),
        dynamicTest(
            "every constant is the header's",
            () -> assertThat(compiled).containsAllEntriesOf(constants)));
  }

  private Map<String, String> compiled(HeaderProbe probe) throws IOException, InterruptedException {
    Path include = HeaderProbe.cudaHeaders();
    String first = includes.getFirst();
    assumeTrue(
        probe.canInclude(include, first), "no g++ that finds %s in %s".formatted(first, include));
    includes.forEach(probe::include);
    functions.keySet().forEach(function -> probe.function(function, typeOf.apply(function)));
    structures.forEach(probe::structure);
    constants.keySet().forEach(probe::constant);
    return probe.run(include);
  }

  private Map<String, String> signatures() {
    Map<String, String> all = new TreeMap<>();
    functions.forEach((name, parameters) -> {
      all.put(name, HeaderProbe.signature(parameters));
      all.put(name + "()", "I");
    });
    return all;
  }
}
