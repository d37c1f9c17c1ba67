package dev.serval.testkit.models;

import dev.serval.api.model.ModelFamily;
import dev.serval.api.storage.Checkpoint;
import java.util.List;
import java.util.ServiceLoader;

/** The model families that a test's modules provide. */
public final class InstalledFamilies {
  private InstalledFamilies() {}

  /**
   * The one that a checkpoint is of.
   *
   * @param checkpoint whose configuration names architectures
   * @return the first that runs them
   */
  public static ModelFamily of(Checkpoint checkpoint) {
    List<?> named = (List<?>) checkpoint.config().get("architectures");
    return ServiceLoader.load(ModelFamily.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(family -> family.architectures().containsAll(named))
        .findFirst()
        .orElseThrow();
  }
}
