# In the packages' scripts, before the program goes: nobody could undo later what its responses hold.
if [ -S /run/tiercel/tiercel.sock ]; then
  tiercel respond undo all ||
    echo "tiercel: not every response was undone: see above" >&2
fi
