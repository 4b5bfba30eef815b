nohup bash -c 'exec -a "@MARK@" sleep 60' >/dev/null 2>&1 &
disown
echo HELD
