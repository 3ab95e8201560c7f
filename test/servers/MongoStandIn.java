// MongoStandIn runs mongo-java-server on a port of one's choice, in memory or on a file that survives a kill.
//
// The jars' own main classes know only port 27017, answer a driver of today with wire version 8 (it asks for 9
// and hangs up), commit to their file once a second, so that a kill loses acknowledged writes, and read a whole
// collection for a filtered upsert.

import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.h2.mvstore.MVStore;

public class MongoStandIn {
  // What the driver reads before its first command. It promises no more than the commands we use need: the server
  // still offers no sessions, so no driver tries transactions or retryable writes on it.
  static class FourPointFour implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(4, 4, 0);
    }

    @Override
    public int getWireVersion() {
      return 9;
    }
  }

  // An _id index that also serves questions for an _id *and* more ("this page, if its position is older"). The
  // server's own index serves only a question for nothing but the _id, and reads the whole collection for the
  // others. Whoever asks an index checks the full question on each document it names, so naming one too many is fine.
  static class IdIndex<P> extends Index<P> {
    final Index<P> index;

    IdIndex(Index<P> index, List<IndexKey> keys, boolean sparse) {
      super(index.getName(), keys, sparse);
      this.index = index;
    }

    // Wraps the index over the _id alone and leaves the others.
    static <P> Index<P> wrap(Index<P> index, List<IndexKey> keys, boolean sparse) {
      return keys.size() == 1 && keys.get(0).getKey().equals("_id") ? new IdIndex<>(index, keys, sparse) : index;
    }

    static Document idOf(Document query) {
      return query.containsKey("_id") ? new Document("_id", query.get("_id")) : query;
    }

    @Override
    public boolean canHandle(Document query) {
      return index.canHandle(idOf(query));
    }

    @Override
    public Iterable<P> getPositions(Document query) {
      return index.getPositions(idOf(query));
    }

    @Override
    public P getPosition(Document document) {
      return index.getPosition(document);
    }

    @Override
    public void checkAdd(Document document, MongoCollection<P> collection) {
      index.checkAdd(document, collection);
    }

    @Override
    public void add(Document document, P position, MongoCollection<P> collection) {
      index.add(document, position, collection);
    }

    @Override
    public P remove(Document document) {
      return index.remove(document);
    }

    @Override
    public void checkUpdate(Document before, Document after, MongoCollection<P> collection) {
      index.checkUpdate(before, after, collection);
    }

    @Override
    public void updateInPlace(Document before, Document after, P position, MongoCollection<P> collection) {
      index.updateInPlace(before, after, position, collection);
    }

    @Override
    public long getCount() {
      return index.getCount();
    }

    @Override
    public long getDataSize() {
      return index.getDataSize();
    }

    @Override
    public boolean isUnique() {
      return index.isUnique();
    }

    @Override
    public void drop() {
      index.drop();
    }
  }

  static class InMemory extends MemoryBackend {
    @Override
    public MemoryDatabase openOrCreateDatabase(String name) {
      return new MemoryDatabase(name, getCursorRegistry()) {
        @Override
        protected Index<Integer> openOrCreateUniqueIndex(
            String collection, String index, List<IndexKey> keys, boolean sparse) {
          return IdIndex.wrap(super.openOrCreateUniqueIndex(collection, index, keys, sparse), keys, sparse);
        }
      };
    }
  }

  // Commits each write to the file before it is answered: who was told "written" finds it again after kill -9.
  static class OnDisk extends H2Backend {
    static final Set<String> READS =
        Set.of("find", "getmore", "count", "distinct", "aggregate", "hello", "ismaster", "ping", "buildinfo",
            "killcursors", "endsessions", "listcollections", "listindexes", "listdatabases");

    OnDisk(MVStore store) {
      super(store);
    }

    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
      return new H2Database(name, getMvStore(), getCursorRegistry()) {
        @Override
        protected Index<Object> openOrCreateUniqueIndex(
            String collection, String index, List<IndexKey> keys, boolean sparse) {
          return IdIndex.wrap(super.openOrCreateUniqueIndex(collection, index, keys, sparse), keys, sparse);
        }
      };
    }

    @Override
    public Document handleMessage(MongoMessage message) {
      try {
        return super.handleMessage(message);
      } finally {
        String command = message.getDocument().keySet().iterator().next();
        if (!READS.contains(command.toLowerCase(Locale.ROOT))) {
          commit();
        }
      }
    }
  }

  public static void main(String[] args) {
    if (args.length < 2 || args.length > 3) {
      System.err.println("usage: MongoStandIn ADDRESS PORT [FILE]");
      System.exit(2);
    }
    MongoBackend backend =
        args.length == 3
            ? new OnDisk(new MVStore.Builder().fileName(args[2]).open())
            : new InMemory();
    MongoServer server = new MongoServer(backend.version(new FourPointFour()));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind(new InetSocketAddress(args[0], Integer.parseInt(args[1])));
  }
}
