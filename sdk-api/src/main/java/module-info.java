import org.jspecify.annotations.NullMarked;

/**
 * The types an application uses and the extension points behind which every part of Serval stands.
 *
 * <p>An application needs {@link dev.serval.api} alone. Whoever replaces a part implements the
 * small interfaces of the package named after it; the parts of Serval know each other only through
 * this module.
 */
@NullMarked
module dev.serval.api {
  requires static transitive org.jspecify;

  // What an application uses.
  exports dev.serval.api;

  // What a plug-in implements.
  exports dev.serval.api.batching;
  exports dev.serval.api.cache;
  exports dev.serval.api.compute;
  exports dev.serval.api.device;
  exports dev.serval.api.gpu;
  exports dev.serval.api.model;
  exports dev.serval.api.placement;
  exports dev.serval.api.storage;
}
