/** Reading text that nobody vouches for: strict UTF-8, strict JSON, and quoting it in messages. */
package dev.serval.storage.text;
