package dev.serval.gpu.compute;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What must be known of a kernel to launch it.
 *
 * @param name its name
 * @param argument the structure that it takes
 * @param threads of a block
 * @param sharedBytes the shared memory that a launch asks for
 * @param blocks how many of its blocks a multiprocessor is meant to hold
 */
record KernelSpec(String name, Struct argument, int threads, int sharedBytes, int blocks) {
  private static final String LIST = "/dev/serval/gpu/kernels/kernels.txt";
  private static final Map<String, Struct> STRUCTS =
      Abi.ALL.stream().collect(Collectors.toMap(Struct::name, Function.identity()));

  /** All kernels there are sources of, by name. */
  static Map<String, KernelSpec> all() {
    Map<String, KernelSpec> specs = new LinkedHashMap<>();
    try (InputStream in = KernelSpec.class.getResourceAsStream(LIST)) {
      if (in == null) {
        throw new IllegalStateException("the list of kernels is missing: " + LIST);
      }
      new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank())
          .map(KernelSpec::parse)
          .forEach(spec -> specs.put(spec.name(), spec));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return specs;
  }

  private static KernelSpec parse(String line) {
    String[] words = line.split(" ", -1);
    Struct struct = words.length == 5 ? STRUCTS.get(words[1]) : null;
    if (struct == null) {
      throw new IllegalStateException("'%s' in %s describes no kernel".formatted(line, LIST));
    }
    return new KernelSpec(
        words[0],
        struct,
        Integer.parseInt(words[2]),
        Integer.parseInt(words[3]),
        Integer.parseInt(words[4]));
  }
}
