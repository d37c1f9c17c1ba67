import org.jspecify.annotations.NullMarked;

/** NVIDIA GPUs, with nothing installed but their driver. */
@NullMarked
module dev.serval.gpu {
  requires transitive dev.serval.api;
  requires static org.jspecify;
}
