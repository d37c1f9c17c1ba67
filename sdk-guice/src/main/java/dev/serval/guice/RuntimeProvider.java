package dev.serval.guice;

import com.google.inject.Provider;
import dev.serval.api.ServingRuntime;
import dev.serval.runtime.Serval;
import dev.serval.runtime.ServingRuntimeBuilder;
import java.util.List;
import java.util.function.Consumer;

/**
 * Builds the runtime once the injector can give what it is made of.
 *
 * @param parts hand the builder what was bound, in this order
 */
record RuntimeProvider(List<Consumer<ServingRuntimeBuilder>> parts)
    implements Provider<ServingRuntime> {
  RuntimeProvider {
    parts = List.copyOf(parts);
  }

  @Override
  public ServingRuntime get() {
    ServingRuntimeBuilder builder = Serval.builder();
    parts.forEach(part -> part.accept(builder));
    return builder.build();
  }
}
