// What sealing promises: only the key opens, and a destroyed key opens nothing any more.

package seal

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/parley-im/parley/schemas/gen/parleyv1"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	store, err := OpenStore(dir)
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

func TestSealedTextOpensWithItsKeyAlone(t *testing.T) {
	ctx, ring := t.Context(), NewRing(open(t, t.TempDir()), 0)
	ann, err := ring.Sealer(ctx, "ann")
	require.NoError(t, err)
	bob, err := ring.Sealer(ctx, "bob")
	require.NoError(t, err)
	sealed, err := ann.Seal("hello, Bob")
	require.NoError(t, err)
	again, err := ann.Seal("hello, Bob")
	require.NoError(t, err)
	require.False(t, proto.Equal(sealed, again), "the same text is never sealed the same way")
	require.NotContains(t, sealed.KeyId, "ann", "a key id is a pseudonym")
	require.False(t, bytes.Contains(sealed.Ciphertext, []byte("hello")))

	opener, err := ring.Opener(ctx, []string{sealed.KeyId, bob.id})
	require.NoError(t, err)
	text, ok := opener.Open(sealed)
	require.True(t, ok)
	require.Equal(t, "hello, Bob", text)

	for what, change := range map[string]func(*pb.Sealed){
		"ciphertext":  func(s *pb.Sealed) { s.Ciphertext[0] ^= 1 },
		"nonce":       func(s *pb.Sealed) { s.Nonce[0] ^= 1 },
		"short nonce": func(s *pb.Sealed) { s.Nonce = s.Nonce[:4] },
		"another key": func(s *pb.Sealed) { s.KeyId = bob.id },
		"unknown key": func(s *pb.Sealed) { s.KeyId = "nobody" },
		"nothing":     func(s *pb.Sealed) { s.Ciphertext = nil },
	} {
		broken := proto.Clone(sealed).(*pb.Sealed)
		change(broken)
		text, ok := opener.Open(broken)
		require.False(t, ok, what)
		require.Empty(t, text, what)
	}
}

func TestDestroyedKeysAreGoneForEveryRing(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	store := open(t, dir)
	ring := NewRing(store, time.Millisecond) // the short life is what brings the destruction to a ring
	ann, err := ring.Sealer(ctx, "ann")
	require.NoError(t, err)
	sealed, err := ann.Seal("secret")
	require.NoError(t, err)
	key, err := store.key(sealed.KeyId)
	require.NoError(t, err)
	require.Len(t, key.Key, keySize)

	answer, err := store.DestroyKeys(ctx, &pb.DestroyKeysQuery{User: "ann"})
	require.NoError(t, err)
	require.EqualValues(t, 1, answer.Destroyed)
	require.Eventually(t, func() bool {
		opener, err := ring.Opener(ctx, []string{sealed.KeyId})
		require.NoError(t, err)
		_, ok := opener.Open(sealed)
		return !ok
	}, 10*time.Second, time.Millisecond)
	next, err := NewRing(store, 0).Sealer(ctx, "ann")
	require.NoError(t, err)
	require.NotEqual(t, sealed.KeyId, next.id, "a new key has a new pseudonym")
}

func TestStoreOutlivesItsProcessAndRefusesAnotherMasterKey(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	store, err := OpenStore(dir)
	require.NoError(t, err)
	first, err := store.SealingKey(ctx, &pb.SealingKeyQuery{User: "ann"})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	master := filepath.Join(dir, masterFile)
	info, err := os.Stat(master)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	store, err = OpenStore(dir)
	require.NoError(t, err)
	second, err := store.SealingKey(ctx, &pb.SealingKeyQuery{User: "ann"})
	require.NoError(t, err)
	require.True(t, proto.Equal(first, second))
	require.NoError(t, store.Close())

	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.False(t, bytes.Contains(content, first.Keys[0].Key), "%s holds a key unwrapped", d.Name())
		}
		return nil
	}))
	require.NoError(t, os.Remove(master))
	_, err = OpenStore(dir)
	require.ErrorIs(t, err, ErrMasterKey)
}

func TestStoreRefusesWhatIsNoUser(t *testing.T) {
	store := open(t, t.TempDir())
	for _, user := range []string{"", "a/b", "../x", "ann/"} {
		_, err := store.SealingKey(context.Background(), &pb.SealingKeyQuery{User: user})
		require.Error(t, err, user)
		_, err = store.DestroyKeys(context.Background(), &pb.DestroyKeysQuery{User: user})
		require.Error(t, err, user)
	}
}
