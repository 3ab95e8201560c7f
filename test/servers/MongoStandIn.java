// MongoStandIn runs mongo-java-server on a port of one's choice, in memory or on a file that survives a kill.
//
// The jars' own main classes know only port 27017, answer a driver of today with wire version 8 (it asks for 9
// and hangs up), and commit to their file once a second, so that a kill loses acknowledged writes.

import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
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

  // Commits each write to the file before it is answered: who was told "written" finds it again after kill -9.
  static class OnDisk extends H2Backend {
    static final Set<String> READS =
        Set.of("find", "getmore", "count", "distinct", "aggregate", "hello", "ismaster", "ping", "buildinfo",
            "killcursors", "endsessions", "listcollections", "listindexes", "listdatabases");

    OnDisk(MVStore store) {
      super(store);
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
    if (args.length < 1 || args.length > 2) {
      System.err.println("usage: MongoStandIn PORT [FILE]");
      System.exit(2);
    }
    MongoBackend backend =
        args.length == 2
            ? new OnDisk(new MVStore.Builder().fileName(args[1]).open())
            : new MemoryBackend();
    MongoServer server = new MongoServer(backend.version(new FourPointFour()));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])));
  }
}
