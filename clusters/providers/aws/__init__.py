"""Amazon's cloud by boto3, which is used nowhere else: Auto Scaling groups on launch templates behind load balancers.

account.py          what an account's settings may say
client.py           the one way to AWS: time-outs, credentials, pages, retries of reads
errors.py           what AWS says, in the contract's words
cloud.py            AwsCloud: the parts over the accounts
server_groups.py    create, resize, disable, enable, suspend, resume, destroy
launch.py           a request turned into a launch template and an Auto Scaling group
places.py           regions' networks: subnets by purpose, security groups by id or name
reading.py          server groups as values, with one describe per kind of thing
health.py           what Auto Scaling, EC2 and load balancers say about an instance
instances.py        one instance: terminate, its console
patching.py         a package laid over an instance by SSM
load_balancers.py   a load balancer with one listener and one target group; classic ones are reported
security_groups.py  rules by address, IPv6 and group
images.py           images, whose facts are in tags (image_tags.py)
baking.py           an image by way of an instance that installs a package and stops
packages.py         none: builders install from a repository
"""
